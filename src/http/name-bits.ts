/**
 * Which names the fields of a head may have, a bit of 32 for each: most names that are looked for are not there, and that
 * is known without a look at the text. Names that some servers take for one (forwarding.ts) have one bit, in any case.
 */
const HYPHEN = 0x2d;
/** Letters in lower case and digits; a hyphen for all else. */
const FOLDED = new Uint8Array(256).fill(HYPHEN);
for (const character of '0123456789abcdefghijklmnopqrstuvwxyz') {
  FOLDED[character.charCodeAt(0)] = character.charCodeAt(0);
  FOLDED[character.toUpperCase().charCodeAt(0)] = character.charCodeAt(0);
}

/** Nothing is known of them. */
export const ANY_NAMES = -1;

/** `first`: code of its first character. */
export function nameBit(length: number, first: number): number {
  return 1 << ((length + 4 * (first < 256 ? FOLDED[first] : HYPHEN)) & 31);
}

export function bitOf(name: string): number {
  return nameBit(name.length, name.charCodeAt(0));
}

/** Of `name: value\r\n` lines. */
export function bitsOf(lines: string): number {
  let bits = 0;
  for (const line of lines.split('\r\n')) {
    if (line !== '') bits |= nameBit(line.indexOf(':'), line.charCodeAt(0));
  }
  return bits;
}
