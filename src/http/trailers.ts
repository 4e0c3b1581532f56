/** Trailer fields (RFC 9110 §6.5): which may be passed on, as `name: value\r\n` lines. */

import { isUtf8 } from 'node:buffer';
import { ASCII } from '../kernel/characters.ts';
import { HOP_BY_HOP, isFieldValue, isToken } from './fields.ts';
import { cgiName, forwardingOf, NOT_FORWARDING } from './forwarding.ts';

/**
 * Lower-case names that mean something only before the body, or that somebody merging trailers into the head would
 * believe (RFC 9110 §6.5.1): framing, routing, credentials, what the body is, and whom the request came from.
 */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'host',
  'location',
  'max-forwards',
  'range',
  'set-cookie',
  'www-authenticate',
]);

/** The line of a trailer that may be passed on, '' for any other. `value` has one character per byte. */
export function trailerLine(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (NOT_IN_TRAILERS.has(cgiName(lower)) || forwardingOf(lower) !== NOT_FORWARDING) return '';
  return isToken(name) && isFieldValue(value) ? `${name}: ${value}\r\n` : '';
}

/**
 * `lines` of `trailerLine`, one character per byte, as text in the way in which the fields of the head are: with names in
 * lower case, and decoded unless `latin1`. A line that cannot be said in it is left out.
 */
export function requestTrailers(lines: string, latin1: boolean): string {
  let text = '';
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start) + 2;
    const colon = lines.indexOf(':', start);
    const line = lines.slice(start, colon).toLowerCase() + lines.slice(colon, end);
    if (latin1 || ASCII.spans(line)) text += line;
    else if (isUtf8(Buffer.from(line, 'latin1'))) text += Buffer.from(line, 'latin1').toString();
    start = end;
  }
  return text;
}
