/**
 * How messages quote what a key, a flag or a peer brought: in one line, not endless, without what a terminal obeys, and
 * without the credentials of a URL.
 */
import { CharacterSet } from './characters.ts';

/** Characters of a quoted value; what is longer is cut. */
export const QUOTED_LENGTH = 120;

/** What JSON leaves as it is, and a terminal or a browser does not: C1 controls, DEL, line ends and bidirectional marks. */
const OBEYED = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** What a URL in a text may have: all but blanks, line ends, quotes, angle brackets and commas. */
const IN_URL = new CharacterSet('\0\x08\x0e\x1f!!#&(+-;==?\x9f\xa1\xff', '', true);

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The first characters of a text, and a mark where something was cut off. No pair of surrogates is cut in two. */
export function shortened(text: string, length: number = QUOTED_LENGTH): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)}…`;
}

/**
 * Without the user and the password of any URL in the text: `http://ann:secret@host` → `http://***@host`. Reads a URL as
 * generously as it can, because a password may hold what should have been percent-encoded.
 */
export function withoutCredentials(text: string): string {
  if (!text.includes('@')) return text;
  let shown = '';
  let from = 0;
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', from)) {
    const start = at + 3;
    const end = IN_URL.skip(text, start);
    const user = text.slice(start, end).lastIndexOf('@');
    shown += user >= 0 ? `${text.slice(from, start)}***` : text.slice(from, end);
    from = user >= 0 ? start + user : end;
  }
  return shown + text.slice(from);
}

/** A value as it stands in a message. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(withoutCredentials(text))).replace(OBEYED, escaped);
}
