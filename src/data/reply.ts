/** The responses that we make ourselves: one per fault (shared/spec proxying §7), and the trailing-slash redirect. */

import { hostProblem } from '../http/host.ts';
import { authorityEnd, requestUri } from '../http/request-target.ts';
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { http } from '../kernel/node-http.ts';
import { decodedPath, encodedPath, uriText } from '../kernel/percent.ts';

export type Reply = {
  readonly status: number;
  readonly head: string;
  readonly body: string | Uint8Array;
  /** Of the body, bytes. */
  readonly length: number;
  /** Why it is answered so (shared/spec logs §2.2). */
  readonly cause: string;
  /** Nothing is read from that client any more: what follows may be meant otherwise than we would take it. */
  readonly closes: boolean;
};

/** Where the next request begins is not known, or its client would not be understood there either. */
const CLOSING: ReadonlySet<number> = new Set([400, 408, 413, 501, 505]);

const REASONS: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Request Entity Too Large',
  414: 'URI Too Long',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** What stands behind a status code; '' for one that nobody has named. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? http.STATUS_CODES[status] ?? '';
}

function replyOf(fault: Fault): Reply {
  let head = `${fault.status} ${reasonPhrase(fault.status)}\r\nContent-Type: text/plain; charset=utf-8`;
  if (fault.status === 404 || fault.code === 'BAD_HOST') head += '\r\nX-Content-Type-Options: nosniff';
  const closes = CLOSING.has(fault.status);
  const length = Buffer.byteLength(fault.body);
  return Object.freeze({
    status: fault.status,
    head,
    body: fault.body,
    length,
    cause: fault.cause,
    closes,
  });
}

/** Made when a fault first happens. Weak: some faults belong to a table and go with it. */
const replies = new WeakMap<Fault, Reply>();

export function localReply(fault: Fault): Reply {
  let reply = replies.get(fault);
  if (reply === undefined) {
    reply = replyOf(fault);
    replies.set(fault, reply);
  }
  return reply;
}

/** `/a//b/../c` → `/a/c`: without empty and dot segments, so that a Location can never name another host. */
function cleaned(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/**
 * 301 to the other trailing-slash form of the target (rules §7). The slash is that of the decoded path, as rules see it
 * (`/a%2F` ends in one), so the path is encoded anew.
 */
export function slashRedirect(method: string, path: string, target: string): Reply {
  const decoded = decodedPath(path) ?? path;
  const clean = cleaned(encodedPath(decoded));
  // `//` would begin the name of a host.
  const other = decoded.endsWith('/') || clean === '/' ? clean : `${clean}/`;
  const location = other + uriText(target.slice(path.length));
  return linkReply(method, 301, location);
}

/** A redirect whose page is a link, as Go's `http.Redirect` makes it. `location`: a URI. */
function linkReply(method: string, status: number, location: string): Reply {
  let head = `${status} ${REASONS[status]}\r\nLocation: ${location}`;
  if (method !== 'GET' && method !== 'HEAD')
    return { status, head, body: '', length: 0, cause: 'redirect', closes: false };
  head += '\r\nContent-Type: text/html; charset=utf-8';
  // The other characters that HTML knows are escapes in it already.
  const href = location.replaceAll('&', '&amp;');
  const body = `<a href="${href}">${REASONS[status]}</a>.\n\n`;
  return { status, head, body, length: Buffer.byteLength(body), cause: 'redirect', closes: false };
}

/** What becomes of a URL so that it is a URI in all of its characters, whatever a request had in its target. */
function locationOf(url: string): string {
  return uriText(url, authorityEnd(url));
}

/** To the same by TLS (shared/spec kv-schema §6.9). `host` is a Host field, `target` path and query. */
export function secureRedirect(method: string, permanent: boolean, host: string, target: string): Reply {
  if (hostProblem(host) !== '') return localReply(FAULTS.badRequest);
  return linkReply(method, permanent ? 301 : 307, locationOf(`https://${host}${requestUri(target)}`));
}

/** To wherever an entrypoint or a frontend sends its requests (shared/spec kv-schema §6.4). `location` is a URL. */
export function redirectReply(method: string, permanent: boolean, location: string): Reply {
  const status = method === 'GET' ? (permanent ? 301 : 302) : permanent ? 308 : 307;
  const body = REASONS[status];
  const safe = locationOf(location);
  const head = `${status} ${body}\r\nLocation: ${safe}\r\nContent-Type: text/plain; charset=utf-8`;
  return { status, head, body, length: body.length, cause: 'redirect', closes: false };
}
