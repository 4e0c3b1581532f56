/**
 * Heads between HTTP/1.1 text and the fields of HTTP/2 (RFC 9113 §8.2, §8.3). Nothing that holds for one connection only
 * crosses, in neither direction, and nothing that could end a line.
 *
 *     GET /a HTTP/1.1␍␊host: x␍␊accept: *␍␊␍␊   ⇄   :method GET  :scheme http  :authority x  :path /a  accept *
 */
import { STATUS_CODES } from 'node:http';
import { ASCII, CharacterSet, trimBlanks } from '../kernel/characters.ts';
import { contentLengthOf, HOP_BY_HOP, isFieldValue, isToken } from './fields.ts';
import { bitOf } from './name-bits.ts';
import { requestUri } from './request-target.ts';
import { MAX_HEAD_BYTES, NO_LENGTH, type ResponseHead } from './response-head.ts';
import { trailerLine } from './trailers.ts';

/** Names and values in turn, a latin-1 character per byte: what node:http2 takes and gives. */
export type Http2Fields = string[];

const DIGITS = new CharacterSet('09');

/** As one character per byte, which `latin1` text is already; other text stands for UTF-8. */
function asBytes(text: string, latin1: boolean): string {
  return latin1 || ASCII.spans(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** RFC 9113 §8.2.2; `host` has become `:authority`. */
function isCarried(name: string, value: string): boolean {
  if (name === 'te') return value === 'trailers';
  return name !== 'host' && name !== 'http2-settings' && !HOP_BY_HOP.has(name);
}

/** Appends `name: value` to `fields`. False: HTTP/2 cannot carry it. */
function addField(fields: Http2Fields, name: string, text: string, latin1: boolean): boolean {
  const value = trimBlanks(asBytes(text, latin1));
  if (!isToken(name) || !isFieldValue(value)) return false;
  if (isCarried(name, value)) fields.push(name, value);
  return true;
}

/** Appends `name: value\r\n` lines. */
function addLines(fields: Http2Fields, lines: readonly string[], latin1: boolean): boolean {
  for (const line of lines) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon <= 0 || !addField(fields, line.slice(0, colon).toLowerCase(), line.slice(colon + 1), latin1))
      return false;
  }
  return true;
}

/**
 * The fields of a request whose HTTP/1.1 head is `head`, `host` its first line. `authority`: for an empty Host. `latin1`: the
 * text has one character per byte. Null: the head has something that HTTP/2 cannot carry.
 */
export function requestFields(head: string, scheme: string, authority: string, latin1: boolean): Http2Fields | null {
  const [requestLine, hostLine, ...lines] = head.split('\r\n');
  const methodEnd = requestLine.indexOf(' ');
  const method = requestLine.slice(0, methodEnd);
  const target = requestLine.slice(methodEnd + 1, requestLine.lastIndexOf(' '));
  const path = asBytes(target === '*' ? target : requestUri(target), latin1);
  const host = asBytes(hostLine.slice(hostLine.indexOf(':') + 1).trim(), latin1);
  // A CONNECT has neither path nor scheme: it is no request that could be routed by them.
  if (method === 'CONNECT' || !isToken(method) || !isFieldValue(path) || !isFieldValue(host)) return null;
  const fields = [':method', method, ':scheme', scheme, ':authority', host === '' ? authority : host, ':path', path];
  return addLines(fields, lines, latin1) ? fields : null;
}

/** The fields of request trailers, `name: value\r\n` lines that may be passed on; what HTTP/2 cannot carry is left out. */
export function trailerFields(trailers: string, latin1: boolean): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (const line of trailers.split('\r\n')) {
    const added: Http2Fields = [];
    if (!addLines(added, [line], latin1) || added.length === 0) continue;
    fields[added[0]] ??= [];
    fields[added[0]].push(added[1]);
  }
  return fields;
}

/** The lines of trailers that may be passed on. */
export function trailerLines(raw: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) lines += trailerLine(raw[i], raw[i + 1]);
  return lines;
}

/** Notes `value` of a Content-Length. */
function noteLength(head: ResponseHead, value: string): void {
  const length = contentLengthOf(value);
  if (length < 0) head.problem = 'a Content-Length that is no number';
  else if (head.contentLength !== NO_LENGTH && length !== head.contentLength) {
    head.problem = 'two different Content-Lengths';
  }
  head.contentLength = length;
}

/**
 * Fills `head` with the head of a response, as `parse` would have. Returns whether it announces trailers. `problem` tells
 * what is wrong with it.
 */
export function readResponseFields(head: ResponseHead, raw: readonly string[]): boolean {
  let status = '';
  let lines = '';
  let announces = false;
  head.contentLength = NO_LENGTH;
  head.problem = '';
  head.names = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i];
    const value = raw[i + 1];
    if (name === ':status') status = value;
    else if (!isToken(name) || !isFieldValue(value)) head.problem = 'a field that no response may have';
    else if (name === 'content-length') noteLength(head, value);
    else if (name === 'trailer') announces = true;
    else if (!HOP_BY_HOP.has(name) && !(head.dropsDate && name === 'date')) {
      head.names |= bitOf(name);
      lines += `\r\n${name}: ${value}`;
    }
  }
  head.status = status.length === 3 && DIGITS.spans(status) ? Number(status) : 0;
  if (head.status < 100) head.problem = 'a status that is no three-digit number';
  if (lines.length > MAX_HEAD_BYTES) head.problem = `a head of more than ${MAX_HEAD_BYTES} bytes`;
  head.text = `${status} ${STATUS_CODES[status] ?? 'Unknown'}${lines}`;
  head.nonAscii = !ASCII.spans(lines);
  return announces;
}
