/** What may stand where a request says what it wants (RFC 9112 §3), beyond what the engines check themselves. */

/** Outside of VCHAR, UTF-8 besides; U+FFFD stands for bytes that were none. */
const BAD_TARGET = /[^\x21-\x7e\x80-\ufffc\ufffe\uffff]/;

/** What is wrong with the characters of a target, '' for a good one. */
export function targetProblem(target: string): string {
  return BAD_TARGET.test(target) ? 'a character that no target may have' : '';
}

/** The part of a target before its `?`. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/**
 * The absolute form → the origin form, when it names the same host as the Host field; null otherwise. RFC 9112 §3.2.2
 * lets the target win over the field: who sends two different ones gets a refusal instead.
 */
export function originForm(target: string, host: string): string | null {
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null || absolute[1].toLowerCase() !== host.toLowerCase()) return null;
  return absolute[2].startsWith('/') ? absolute[2] : `/${absolute[2]}`;
}
