/**
 * Fills the worker's request head from what node:http and node:http2 give: names and values in turn, one character per
 * byte. The text becomes decoded UTF-8 as with uWebSockets, so that rules match the same; where a field has bytes that
 * are no UTF-8, all of them stay as they are and `latin1` says so.
 */
import { isUtf8 } from 'node:buffer';
import { isToken } from '../../../http/fields.ts';
import { REQUEST_CHUNKED, REQUEST_NO_BODY, type RequestHead } from '../../../http/request-head.ts';
import { originForm, pathOf, targetProblem } from '../../../http/request-target.ts';
import { trailerLine } from '../../../http/trailers.ts';
import { ASCII } from '../../../kernel/characters.ts';
import { FAULTS } from '../../../kernel/errors.ts';

function decoded(text: string): string {
  return !ASCII.spans(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

/** Do all values above ASCII decode? */
function hasOtherText(raw: readonly string[]): boolean {
  for (let i = 1; i < raw.length; i += 2) {
    if (!ASCII.spans(raw[i]) && !isUtf8(Buffer.from(raw[i], 'latin1'))) return true;
  }
  return false;
}

function addField(head: RequestHead, name: string, value: string): void {
  head.add(name, head.latin1 ? value : decoded(value));
}

/** What is wrong with a target after the fields are known; settles the absolute form. */
function settleTarget(head: RequestHead): string {
  const { target } = head;
  if (target.startsWith('/')) return targetProblem(target);
  if (target === '*' && head.method === 'OPTIONS') return '';
  const origin = originForm(target, head.host);
  if (origin === null) return 'a target that is no path of this host';
  head.target = origin;
  head.path = pathOf(origin);
  return targetProblem(origin);
}

function settle(head: RequestHead): void {
  head.finish();
  if (head.problem === '') head.problem = settleTarget(head);
  if (head.problem === '' && !isToken(head.method)) head.problem = 'a method that is no token';
}

/** `length`: of names and values. */
function hasTooMany(head: RequestHead, length: number, maxFields: number): boolean {
  if (length <= 2 * maxFields) return false;
  head.fault = FAULTS.headTooLarge;
  head.problem = 'too many fields';
  return true;
}

/** `raw`: `rawHeaders`. `old`: the client speaks HTTP/1.0, whose requests need no Host. */
export function fillHttp1(
  head: RequestHead,
  method: string,
  url: string,
  raw: readonly string[],
  old: boolean,
  maxFields: number,
): void {
  const target = decoded(url);
  head.begin(method, target, pathOf(target));
  if (hasTooMany(head, raw.length, maxFields)) return;
  head.latin1 = hasOtherText(raw);
  let hosts = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    if (name === 'host') hosts++;
    addField(head, name, raw[i + 1]);
  }
  if (old && hosts === 0) head.add('host', '');
  settle(head);
}

/**
 * `raw`: the pseudo fields among them (RFC 9113 §8.3). `endOfStream`: there is no body. What HTTP/1.1 has no word for is
 * put into its own: `:authority` is the Host, several cookie fields are one (§8.2.3), a body without a length is chunked.
 */
export function fillHttp2(head: RequestHead, raw: readonly string[], endOfStream: boolean, maxFields: number): void {
  let method = '';
  let target = '';
  let authority: string | null = null;
  let cookies = '';
  let pseudo = 0;
  for (; pseudo < raw.length && raw[pseudo].startsWith(':'); pseudo += 2) {
    const value = raw[pseudo + 1];
    if (raw[pseudo] === ':method') method = value;
    else if (raw[pseudo] === ':path') target = decoded(value);
    else if (raw[pseudo] === ':authority') authority = value;
  }
  head.begin(method, target, pathOf(target));
  if (hasTooMany(head, raw.length - pseudo, maxFields)) return;
  head.latin1 = hasOtherText(raw);
  if (authority !== null) head.add('host', authority);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i];
    const value = raw[i + 1];
    if (name.startsWith(':')) continue;
    if (name === 'cookie') cookies = cookies === '' ? value : `${cookies}; ${value}`;
    // The same once more is allowed, another one is a trap.
    else if (name !== 'host' || value !== authority) addField(head, name, value);
  }
  if (cookies !== '') addField(head, 'cookie', cookies);
  if (!endOfStream && head.body === REQUEST_NO_BODY) head.body = REQUEST_CHUNKED;
  settle(head);
}

/** A call of gRPC, whose messages may be far apart. */
export function isGrpc(head: RequestHead): boolean {
  return head.values('content-type').some((type) => type.startsWith('application/grpc'));
}

/** Lines for `downstreamTrailers`: those that may be passed on and that text can say. */
export function requestTrailers(raw: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    const bytes = Buffer.from(raw[i + 1], 'latin1');
    if (isUtf8(bytes)) lines += decoded(trailerLine(raw[i].toLowerCase(), raw[i + 1]));
  }
  return lines;
}
