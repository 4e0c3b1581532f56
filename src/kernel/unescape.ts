/**
 * Traefik 1.x puts every value into a TOML text, so its users write `\\` for one backslash. We take the same escapes
 * and refuse nothing: what TOML would not accept (a lone `\d`, a quote, a line break) stays as it stands.
 * Source: shared/spec kv-schema §2.6, DESIGN §7.
 */

const ESCAPE = /\\(?:([\\"btnfr])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/g;

const LETTERS: Readonly<Record<string, string>> = {
  '\\': '\\',
  '"': '"',
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
};

function isScalarValue(code: number): boolean {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/** The text that a string value of a key stands for. */
export function unescapeValue(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(ESCAPE, (whole, letter?: string, short?: string, long?: string) => {
    if (letter !== undefined) return LETTERS[letter];
    const code = Number.parseInt(short ?? long ?? '', 16);
    return isScalarValue(code) ? String.fromCodePoint(code) : whole;
  });
}
