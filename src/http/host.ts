/** The grammar of a Host field and of `:authority` (RFC 9110 §7.2, RFC 3986 §3.2.2), the same for all engines. */
import { isIPv6 } from 'node:net';
import { CharacterSet } from '../kernel/characters.ts';
import { isValidEscape } from '../kernel/percent.ts';

/** Of a name, but for escapes. */
const NAME = new CharacterSet('09AZaz', "-._~!$&'()*+,;=");
/** Of an address of a kind that is yet to come. */
const FUTURE = new CharacterSet('09AZaz', "-._~!$&'()*+,;=:");
const HEX = new CharacterSet('09AFaf');
const DIGITS = new CharacterSet('09');
const LAST_PORT = 65_535;
/** Characters; more than any address that there is. */
const MAX_ADDRESS = 64;

/** The index behind the name that begins a field. */
function nameEnd(text: string): number {
  let at = NAME.skip(text);
  while (text[at] === '%' && isValidEscape(text, at)) at = NAME.skip(text, at + 3);
  return at;
}

/** `v1.x`. */
function isFutureAddress(text: string): boolean {
  const dot = HEX.skip(text, 1);
  return (text[0] === 'v' || text[0] === 'V') && dot > 1 && text[dot] === '.' && FUTURE.spans(text.slice(dot + 1));
}

/** The index behind the bracket that closes an address, 0 when it is none. */
function literalEnd(text: string): number {
  const close = text.indexOf(']');
  const address = text.slice(1, Math.max(close, 1));
  if (address.length > MAX_ADDRESS) return 0;
  // A zone means something on one host only, and is no part of a URI.
  return isFutureAddress(address) || (isIPv6(address) && !address.includes('%')) ? close + 1 : 0;
}

/** What is wrong with a Host field, '' for a good one; a request may name no host. */
export function hostProblem(text: string): string {
  const isLiteral = text.startsWith('[');
  const end = isLiteral ? literalEnd(text) : nameEnd(text);
  if (isLiteral && end === 0) return 'a Host in brackets that is no address';
  if (end === text.length) return '';
  if (text[end] !== ':') return 'a character that no host may have';
  const port = text.slice(end + 1);
  return DIGITS.spans(port) && Number(port) <= LAST_PORT ? '' : 'a port that is none behind a host';
}
