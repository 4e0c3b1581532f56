/**
 * The plain patterns among those of rules: texts and repeated classes, such as `^/api/v([0-9]+)/`, in which every class
 * ends where the text behind it begins. There is only one way to match such a pattern: one pass over the text.
 *
 * Why: RE2JS takes many times as long to compile a pattern and to match it once, JavaScript's engine several times. The
 * first request of every route pays it, and so does the start with a hundred thousand templates.
 */

/** A class of ASCII letters, digits and a few signs, repeated. */
const CLASS = /(\[\^?[A-Za-z0-9_./-]+\])\+/y;
/** One character of text, as a template quotes it. */
const TEXT = /[A-Za-z0-9_~!@%&=:;,'"<># /-]|\\[.+*?()|[\]{}^$]/y;
const END = /(\/\?)?(\$)?$/y;
/** A `-` must be a range of one kind, or stand last, for the class to mean the same to all engines. */
const RANGES = /^\[\^?(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[A-Za-z0-9_./])*-?\]$/;

const IGNORE_CASE = '(?i)';
const ASCII = 128;
const SLASH = 0x2f;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;

/** By ASCII code: 1 for a character of the class. */
type ClassTable = Uint8Array;

/** Beyond that the map starts anew: rules use few different classes. */
const MAX_KEPT = 256;
const tables = new Map<string, ClassTable | null>();

/** null: it is no class that all engines understand alike. */
function tableOf(source: string, flags: string): ClassTable | null {
  if (!RANGES.test(source)) return null;
  try {
    const character = new RegExp(`^${source}$`, flags);
    return Uint8Array.from({ length: ASCII }, (_, code) => (character.test(String.fromCharCode(code)) ? 1 : 0));
  } catch {
    return null;
  }
}

function keptTable(source: string, flags: string): ClassTable | null {
  const key = flags + source;
  let table = tables.get(key);
  if (table === undefined) {
    table = tableOf(source, flags);
    if (tables.size >= MAX_KEPT) tables.clear();
    tables.set(key, table);
  }
  return table;
}

export class PlainRegex {
  /** In lower case where case does not count. */
  private readonly steps: readonly (string | ClassTable)[];
  private readonly ignoreCase: boolean;
  private readonly slashMayFollow: boolean;
  private readonly toEnd: boolean;
  /** For texts beyond ASCII, whose letters may be equal in other ways. */
  private readonly source: string;
  private beyondAscii: RegExp | null = null;

  constructor(
    steps: readonly (string | ClassTable)[],
    ignoreCase: boolean,
    slashMayFollow: boolean,
    toEnd: boolean,
    source: string,
  ) {
    this.steps = steps;
    this.ignoreCase = ignoreCase;
    this.slashMayFollow = slashMayFollow;
    this.toEnd = toEnd;
    this.source = source;
  }

  /** Length of what it matches at the start of the text, -1 for nothing. */
  match(text: string): number {
    let at = 0;
    for (const step of this.steps) {
      if (typeof step === 'string') {
        for (let i = 0; i < step.length; i++, at++) {
          let code = text.charCodeAt(at);
          if (code >= ASCII) return this.matchBeyondAscii(text);
          if (this.ignoreCase && code >= UPPER_A && code <= UPPER_Z) code |= 0x20;
          if (code !== step.charCodeAt(i)) return -1;
        }
        continue;
      }
      const start = at;
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (code >= ASCII) return this.matchBeyondAscii(text);
        if (step[code] === 0) break;
      }
      if (at === start) return -1;
    }
    if (this.slashMayFollow && text.charCodeAt(at) === SLASH) at++;
    return this.toEnd && at !== text.length ? -1 : at;
  }

  private matchBeyondAscii(text: string): number {
    this.beyondAscii ??= new RegExp(this.source, this.ignoreCase ? 'iu' : 'u');
    return this.beyondAscii.exec(text)?.[0].length ?? -1;
  }
}

function matchAt(regex: RegExp, text: string, at: number): RegExpExecArray | null {
  regex.lastIndex = at;
  return regex.exec(text);
}

/** null: it is not plain. */
export function plainRegex(pattern: string): PlainRegex | null {
  const ignoreCase = pattern.startsWith(IGNORE_CASE);
  const source = ignoreCase ? pattern.slice(IGNORE_CASE.length) : pattern;
  if (!source.startsWith('^')) return null;
  const steps: (string | ClassTable)[] = [];
  /** The class that must not hold what comes next. */
  let open: ClassTable | null = null;
  let literal = '';
  let translated = '^';
  let at = 1;
  let end = matchAt(END, source, at);
  /** Of groups, which mean nothing where neither an alternative nor a quantifier can stand. */
  let depth = 0;
  while (end === null) {
    if (source[at] === '(' || source[at] === ')') {
      depth += source[at] === '(' ? 1 : -1;
      if (depth < 0) return null;
      at += 1;
      end = matchAt(END, source, at);
      continue;
    }
    const text = matchAt(TEXT, source, at);
    const repeated = text === null ? matchAt(CLASS, source, at) : null;
    if (text !== null) {
      const character = text[0].slice(-1);
      if (open?.[character.charCodeAt(0)] === 1) return null;
      open = null;
      literal += ignoreCase ? character.toLowerCase() : character;
      // With the flag `u` these need a backslash, and all others must have none.
      translated += /[\\.+*?()|[\]{}^$/]/.test(character) ? `\\${character}` : character;
      at += text[0].length;
    } else {
      if (repeated === null || open !== null) return null;
      open = keptTable(repeated[1], ignoreCase ? 'iu' : 'u');
      if (open === null) return null;
      if (literal !== '') steps.push(literal);
      literal = '';
      steps.push(open);
      translated += `${repeated[1]}+`;
      at += repeated[0].length;
    }
    end = matchAt(END, source, at);
  }
  if (depth > 0) return null;
  const slashMayFollow = end[1] !== undefined;
  if (slashMayFollow && open?.[SLASH] === 1) return null;
  if (literal !== '') steps.push(literal);
  translated += `${slashMayFollow ? '\\/?' : ''}${end[2] ?? ''}`;
  return new PlainRegex(steps, ignoreCase, slashMayFollow, end[2] !== undefined, translated);
}
