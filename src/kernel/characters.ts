/**
 * Sets of characters, and looks at text by them, each of which passes every character once: what a peer sends must not
 * cost more than in proportion to its length, which a regular expression that begins anew behind each failure does.
 */

const BYTES = 256;

export class CharacterSet {
  private readonly members = new Uint8Array(BYTES);
  /** Characters above U+00FF are members as well. */
  private readonly beyond: boolean;

  /** `ranges`: first and last characters in turn, `'09AZ'`; `others`: one by one. */
  constructor(ranges: string, others = '', beyond = false) {
    this.beyond = beyond;
    for (let i = 0; i < ranges.length; i += 2) {
      this.members.fill(1, ranges.charCodeAt(i), Math.min(ranges.charCodeAt(i + 1) + 1, BYTES));
    }
    for (let i = 0; i < others.length; i++) this.members[others.charCodeAt(i)] = 1;
  }

  has(code: number): boolean {
    return code < BYTES ? this.members[code] === 1 : this.beyond;
  }

  /** The index of the first character at or behind `from` that is no member; the length of the text when all are. */
  skip(text: string, from = 0): number {
    const { members, beyond } = this;
    let at = from;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < BYTES ? members[code] !== 1 : !beyond) break;
    }
    return at;
  }

  /** Every character is a member. */
  spans(text: string): boolean {
    return this.skip(text) === text.length;
  }
}

/** Those that stand for one byte each. */
export const LATIN1 = new CharacterSet('\0\xff');
/** Those that text may have without being latin-1 or UTF-8 in disguise. */
export const ASCII = new CharacterSet('\0\x7f');

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** `text[start, end)` without SP and HTAB around it. Not by `trim`, for which the byte 0xA0 is a blank as well. */
export function trimBlanks(text: string, start = 0, end = text.length): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}
