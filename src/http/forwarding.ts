/**
 * Fields with which a hop tells of those before it: whom a request comes from, what it asked for, what became of its path.
 *
 * A server behind CGI, WSGI or the like sees `HTTP_X_FORWARDED_FOR` for `X-Forwarded-For`, `X_Forwarded_For` and
 * `X.Forwarded.For` alike (RFC 3875 §4.1.18): all of these are one name. No honest hop uses any but the first spelling.
 */
import { CharacterSet } from '../kernel/characters.ts';
import type { Names } from './fields.ts';

/** What `forwardingOf` returns: not such a name, one as it is spelled, one in another spelling. */
export const NOT_FORWARDING = 0;
export const FORWARDING = 1;
export const DISGUISED = 2;

const PREFIX = 'x-forwarded';
const OTHERS: ReadonlySet<string> = new Set(['x-real-ip', 'x-replaced-path']);
const LETTERS_AND_DIGITS = new CharacterSet('09az');
const LOWER_F = 0x66;
const LOWER_R = 0x72;
const LOWER_X = 0x78;

/** A lower-case name as those see it to whom all that is neither letter nor digit is one character, here `-`. */
export function cgiName(name: string): string {
  let plain = '';
  for (let start = 0; start < name.length; ) {
    const end = LETTERS_AND_DIGITS.skip(name, start);
    plain += end < name.length ? `${name.slice(start, end)}-` : name.slice(start);
    start = end + 1;
  }
  return plain;
}

/** All names that such servers take for that lower-case one. */
export class AnySpelling {
  readonly length: number;
  private readonly name: string;
  private readonly plain: string;

  constructor(name: string) {
    this.length = name.length;
    this.name = name;
    this.plain = cgiName(name);
  }

  /** `name`: in lower case. */
  has(name: string): boolean {
    if (name === this.name) return true;
    // By its length and its first letter nearly every other name is out.
    const { plain } = this;
    return name.length === this.length && (name[0] === plain[0] || plain[0] === '-') && cgiName(name) === plain;
  }
}

/** `name`: in lower case. */
export function forwardingOf(name: string): number {
  // By their third letter nearly all other names are out.
  const third = name.charCodeAt(2);
  if (name.charCodeAt(0) !== LOWER_X || (third !== LOWER_F && third !== LOWER_R)) {
    return name === 'forwarded' ? FORWARDING : NOT_FORWARDING;
  }
  const plain = cgiName(name);
  const isOne = plain.startsWith(PREFIX)
    ? plain.length === PREFIX.length || plain[PREFIX.length] === '-'
    : OTHERS.has(plain);
  if (!isOne) return NOT_FORWARDING;
  return plain === name ? FORWARDING : DISGUISED;
}

/** All of them, in whatever spelling. */
export const ALL_FORWARDING: Names = { has: (name) => forwardingOf(name) !== NOT_FORWARDING };

/** Those that we write anew, from what the client says of them and what we know ourselves (proxying §4), and Host. */
export const MADE_ANEW: ReadonlySet<string> = new Set([
  'host',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
]);
