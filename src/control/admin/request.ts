/**
 * The head of a request to the admin address (RFC 9112 §2 to §6), of which only what its pages ask for is kept. Strict:
 * what is no HTTP/1 in every byte is refused, because nobody who means well sends it.
 */

import { hostProblem } from '../../http/host.ts';
import { originForm } from '../../http/request-target.ts';

export type AdminRequest = {
  readonly method: string;
  /** Path and query as they came, visible ASCII, or `*`. */
  readonly target: string;
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly protocol: string;
  /** Values by name in lower case; of a repeated field with `, ` between them. */
  readonly fields: ReadonlyMap<string, string>;
  /** The client wants another answer on this connection. */
  readonly keepAlive: boolean;
  /** A body follows, which nobody here reads. */
  readonly hasBody: boolean;
  /** Of a POST that is short enough, bytes: it is read. */
  readonly bodyLength: number;
  body: Buffer;
};

/** Of a body that is read. */
const MOST_BODY = 65_536;
const NO_BODY = Buffer.alloc(0);
const LENGTH = /^\d{1,6}$/;

/** 0: there is none, or none that is read. */
function bodyLengthOf(method: string, fields: ReadonlyMap<string, string>): number {
  const length = fields.get('content-length') ?? '';
  if (method !== 'POST' || fields.has('transfer-encoding') || !LENGTH.test(length)) return 0;
  return Number(length) > MOST_BODY ? 0 : Number(length);
}

/** Status of the answer to what is no request. */
export type BadRequest = 400 | 431 | 505;

const MAX_FIELDS = 100;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^[\x21-\x7e]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function parseFields(lines: readonly string[]): Map<string, string> | BadRequest {
  if (lines.length > MAX_FIELDS) return 431;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1);
    if (!TOKEN.test(name) || !VALUE.test(value)) return 400;
    const before = fields.get(name);
    if (before !== undefined && name === 'host') return 400;
    fields.set(name, before === undefined ? value.trim() : `${before}, ${value.trim()}`);
  }
  return fields;
}

/** The target without the name of this host; null when it is none, or names another host than the Host field. */
function pathIn(target: string, method: string, host: string): string | null {
  return target.startsWith('/') || (target === '*' && method === 'OPTIONS') ? target : originForm(target, host);
}

/** @param head one character per byte, without the empty line at its end */
export function parseRequest(head: string): AdminRequest | BadRequest {
  const [line, ...rest] = head.split('\r\n');
  const [method, url, version, ...more] = line.split(' ');
  if (version === undefined || more.length > 0 || !TOKEN.test(method) || !TARGET.test(url)) return 400;
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return version.startsWith('HTTP/') ? 505 : 400;
  const fields = parseFields(rest);
  if (typeof fields === 'number') return fields;
  const host = fields.get('host') ?? '';
  // A URL of HTTP has a host (RFC 9110 §4.2.1), but clients of HTTP/1.0 need not name it.
  if (hostProblem(host) !== '' || (host === '' && version === 'HTTP/1.1')) return 400;
  const target = pathIn(url, method, host);
  if (target === null) return 400;
  const options = (fields.get('connection') ?? '').toLowerCase().split(',');
  const bodyLength = bodyLengthOf(method, fields);
  const hasBody = fields.has('transfer-encoding') || (fields.get('content-length') ?? '0') !== String(bodyLength);
  const keepAlive = version === 'HTTP/1.1' && !hasBody && !options.some((option) => option.trim() === 'close');
  return { method, target, protocol: version, fields, keepAlive, hasBody, bodyLength, body: NO_BODY };
}

/** Does a list such as Accept-Encoding take this coding (RFC 9110 §12.5.3)? `name`: in lower case. */
export function takesCoding(request: AdminRequest, name: 'gzip' | 'br'): boolean {
  for (const item of (request.fields.get('accept-encoding') ?? '').toLowerCase().split(',')) {
    const [coding, ...parameters] = item.split(';').map((part) => part.trim());
    if (coding === name) return !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter));
  }
  return false;
}

export function takesGzip(request: AdminRequest): boolean {
  return takesCoding(request, 'gzip');
}
