/** JSON as a security decision must read it: two readers of one text never see two values (RFC 8259 §4, RFC 8725 §2.4). */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Behind the string that begins at `start`. The text is valid JSON. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Some object in it has a name twice. The text is valid JSON. */
function hasRepeatedName(text: string): boolean {
  /** Names so far of each object that is open, null for an array. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      const names = open.at(-1);
      if (isName && names) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (names.has(name)) return true;
        names.add(name);
      }
      isName = false;
      at = end - 1;
    } else if (character === '{') {
      open.push(new Set());
      isName = true;
    } else if (character === '[') {
      open.push(null);
      isName = false;
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === ',') {
      isName = open.at(-1) !== null;
    }
  }
  return false;
}

/** null: it is no JSON, no object, or some object in it has a name twice. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return hasRepeatedName(text) ? null : (value as JsonObject);
  } catch {
    return null;
  }
}
