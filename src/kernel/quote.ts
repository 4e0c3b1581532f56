/**
 * How messages quote what a key, a flag or a peer brought: in one line, not endless, without what a terminal obeys, and
 * without the credentials of a URL.
 */

/** Characters of a quoted value; what is longer is cut. */
export const QUOTED_LENGTH = 120;

/** What JSON leaves as it is, and a terminal or a browser does not: C1 controls, DEL, line ends and bidirectional marks. */
const OBEYED = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** What ends a URL in a text. */
const URL_END = /[\s"'<>,]/g;

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
    URL_END.lastIndex = start;
    const end = URL_END.test(text) ? URL_END.lastIndex - 1 : text.length;
    const user = text.slice(start, end).lastIndexOf('@');
    shown += text.slice(from, start) + (user >= 0 ? '***' : '');
    from = user >= 0 ? start + user : start;
  }
  return shown + text.slice(from);
}

/** A value as it stands in a message. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(withoutCredentials(text))).replace(OBEYED, escaped);
}
