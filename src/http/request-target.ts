/** What stands where a request says what it wants (RFC 9112 §3), beyond what the engines check themselves. */
import { CharacterSet } from '../kernel/characters.ts';

/** VCHAR, and what UTF-8 decodes to; U+FFFD stands for bytes that were none. */
const TARGET = new CharacterSet('\x21\x7e\x80\xff', '', true);
const NO_TEXT = '\ufffd';
const SCHEME = new CharacterSet('09AZaz', '+.-');
/** All but `/`, `?` and `#`, which end it (RFC 3986 §3.2). */
const AUTHORITY = new CharacterSet('\0"$.0>@\xff', '', true);

/** What is wrong with the characters of a target, '' for a good one. */
export function targetProblem(target: string): string {
  const good = TARGET.spans(target) && !target.includes(NO_TEXT);
  return good ? '' : 'a character that no target may have';
}

/** The part of a target before its `?`. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}

/** Where the authority of a target in absolute form begins; 0 for any other. */
function authorityStart(target: string): number {
  const end = SCHEME.skip(target);
  return end > 0 && target.startsWith('://', end) ? end + 3 : 0;
}

/** Where the path of a URL begins, behind its authority; 0 for any other text. */
export function authorityEnd(url: string): number {
  const start = authorityStart(url);
  return start === 0 ? 0 : AUTHORITY.skip(url, start);
}

/** Path and query of a target in whatever form; the path is never empty, and `*` names the whole server. */
export function requestUri(target: string): string {
  if (target.startsWith('/')) return target;
  const uri = target === '*' ? '' : target.slice(authorityEnd(target));
  return uri.startsWith('/') ? uri : `/${uri}`;
}

/**
 * Host and path of a target in absolute form (RFC 9112 §3.2.2), null for what is none of HTTP. For OPTIONS, a URL without
 * path and query asks of the whole server (§3.2.4).
 */
export function absoluteTarget(
  target: string,
  method: string,
): { readonly authority: string; readonly uri: string } | null {
  const start = authorityStart(target);
  const scheme = target.slice(0, start).toLowerCase();
  const authority = target.slice(start, AUTHORITY.skip(target, start));
  if ((scheme !== 'http://' && scheme !== 'https://') || authority === '') return null;
  const isBare = start + authority.length === target.length;
  return { authority, uri: isBare && method === 'OPTIONS' ? '*' : requestUri(target) };
}

/**
 * The absolute form → the origin form, when it names the same host as the Host field; null otherwise. RFC 9112 §3.2.2
 * lets the target win over the field: who sends two different ones gets a refusal instead.
 */
export function originForm(target: string, host: string): string | null {
  const start = authorityStart(target);
  const scheme = target.slice(0, start).toLowerCase();
  if ((scheme !== 'http://' && scheme !== 'https://') || target.includes('#')) return null;
  const authority = target.slice(start, AUTHORITY.skip(target, start));
  return authority.toLowerCase() === host.toLowerCase() ? requestUri(target) : null;
}
