/**
 * The fields of a header block → the head of a request (RFC 9113 §8.3, RFC 8441 §4), or what is wrong with it. A request
 * that a client repeats costs one append per field, since what there is to know of a field is known with its entry.
 *
 * What HTTP/1.1 has no word for is put into its own: `:authority` is the Host, crumbs of cookies are one field (RFC 9113
 * §8.2.3), a body without a length is chunked, and an extended CONNECT for a WebSocket is a GET that asks for an upgrade.
 */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { isToken } from '../http/fields.ts';
import { REQUEST_CHUNKED, REQUEST_NO_BODY } from '../http/request-framing.ts';
import type { RequestHead } from '../http/request-head.ts';
import { pathOf, targetProblem } from '../http/request-target.ts';
import { trailerLine } from '../http/trailers.ts';
import { FAULTS } from '../kernel/errors.ts';
import { FIELD, type Field } from './field.ts';
import type { FieldSink } from './hpack-decoder.ts';

/** What a head may count for (RFC 9113 §6.5.2), bytes. */
export const MAX_LIST = 65_536;

const SLASH = 0x2f;

/** Of an extended CONNECT; its place in HTTP/1.1 is taken by ours (RFC 8441 §5). */
const WEBSOCKET_KEYS: ReadonlySet<string> = new Set(['sec-websocket-key', 'sec-websocket-accept']);

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** `text` has a character per byte. */
function decoded(field: Field): string {
  return field.ascii ? field.value : bytesOf(field.value).toString('utf8');
}

function isText(field: Field): boolean {
  return field.ascii || isUtf8(bytesOf(field.value));
}

export class RequestBlock implements FieldSink {
  /** Value of the priority field, '' for none. */
  priority = '';
  /** What it counts for, bytes. */
  size = 0;
  /** It breaks a rule of HTTP/2, so that its stream has failed; `head.problem` tells which. */
  malformed = false;
  /** It has more than it may have. */
  oversized = false;

  private readonly maxFields: number;
  private head!: RequestHead;
  private problem = '';
  private fields = 0;
  /** `head.begin` was called: the pseudo fields are over. */
  private begun = false;
  private method: Field | null = null;
  private scheme: Field | null = null;
  private authority: Field | null = null;
  private path: Field | null = null;
  private protocol: Field | null = null;
  private host: Field | null = null;
  /** As of the head. */
  private neverIndexed = '';
  private readonly cookies: Field[] = [];
  /** From the first field on that is not ASCII: whether all are text is known at the end. */
  private readonly rest: Field[] = [];
  /** The last ones that were found good: nearly always those of the next request as well. */
  private goodMethod = '';
  private goodTarget = '';

  /** `maxFields`: that a head may have, without pseudo fields. */
  constructor(maxFields: number) {
    this.maxFields = maxFields;
  }

  /** The fields that follow are those of `head`. */
  begin(head: RequestHead): void {
    this.head = head;
    this.priority = '';
    this.size = 0;
    this.malformed = false;
    this.oversized = false;
    this.problem = '';
    this.fields = 0;
    this.begun = false;
    this.method = null;
    this.scheme = null;
    this.authority = null;
    this.path = null;
    this.protocol = null;
    this.host = null;
    this.neverIndexed = '';
    if (this.cookies.length > 0) this.cookies.length = 0;
    if (this.rest.length > 0) this.rest.length = 0;
  }

  field(field: Field): boolean {
    this.size += field.size;
    if (this.size > MAX_LIST) return this.tooMuch('too long fields');
    if (field.problem !== '') return this.refuse(field.problem);
    const { kind } = field;
    if (field.neverIndexed) this.neverIndexed += ` ${field.name} `;
    if (kind >= FIELD.method) return this.pseudo(field, kind);
    if (++this.fields > this.maxFields) return this.tooMuch('too many fields');
    if (!this.begun && !this.beginHead()) return false;
    if (kind === FIELD.plain && field.ascii && this.rest.length === 0 && this.protocol === null) {
      this.head.addLines(field.line, field.bit);
    } else {
      this.ordinary(field, kind);
    }
    return true;
  }

  private tooMuch(problem: string): false {
    this.oversized = true;
    this.problem = problem;
    return false;
  }

  private refuse(problem: string): false {
    this.malformed = true;
    this.problem = problem;
    return false;
  }

  private pseudo(field: Field, kind: number): boolean {
    if (this.begun) return this.refuse('a pseudo field behind a field');
    let isRepeated = false;
    switch (kind) {
      case FIELD.method:
        isRepeated = this.method !== null;
        this.method = field;
        break;
      case FIELD.scheme:
        isRepeated = this.scheme !== null;
        this.scheme = field;
        break;
      case FIELD.authority:
        isRepeated = this.authority !== null;
        this.authority = field;
        break;
      case FIELD.path:
        isRepeated = this.path !== null;
        this.path = field;
        break;
      case FIELD.protocol:
        isRepeated = this.protocol !== null;
        this.protocol = field;
        break;
      default:
        return this.refuse('a pseudo field of a response');
    }
    return isRepeated ? this.refuse('a pseudo field that comes twice') : true;
  }

  private ordinary(field: Field, kind: number): void {
    if (kind === FIELD.cookie) {
      this.cookies.push(field);
      return;
    }
    if (kind === FIELD.host && this.host === null) {
      this.host = field;
      return;
    }
    if (kind === FIELD.priority) this.priority = field.value;
    if (this.protocol !== null && WEBSOCKET_KEYS.has(field.name)) return;
    if (!field.ascii || this.rest.length > 0) this.rest.push(field);
    else if (kind === FIELD.plain || kind === FIELD.priority) this.head.addLines(field.line, field.bit);
    else this.head.add(field.name, field.value);
  }

  /** The pseudo fields are here. False: see `problem`. */
  private beginHead(): boolean {
    const { head, method, scheme, path, protocol } = this;
    if (method === null) return this.refuse('no :method');
    const isConnect = method.value === 'CONNECT';
    if (isConnect && protocol === null) {
      if (scheme !== null || path !== null) return this.refuse('a CONNECT with a scheme or a path');
      this.start('CONNECT', '');
      head.fault = FAULTS.noConnect;
      this.problem = 'CONNECT';
      return false;
    }
    if (protocol !== null && !isConnect) return this.refuse(':protocol without CONNECT');
    if (scheme === null) return this.refuse('no :scheme');
    if (path === null) return this.refuse('no :path');
    if (path.value.charCodeAt(0) !== SLASH && !(path.value === '*' && method.value === 'OPTIONS')) {
      return this.refuse('a :path that is none');
    }
    this.start(isConnect ? 'GET' : method.value, decoded(path));
    if (protocol === null || protocol.value === 'websocket') return true;
    head.fault = FAULTS.noConnect;
    this.problem = 'CONNECT for another protocol than websocket';
    return false;
  }

  private start(method: string, target: string): void {
    this.begun = true;
    this.head.begin(method, target, pathOf(target));
    this.head.passesExpect = true;
  }

  /** All fields have come: fills what is left of the head, and settles it. `endStream`: it has no body. */
  end(endStream: boolean): void {
    const { head } = this;
    if (this.problem === '' && (this.begun || this.beginHead())) {
      this.settle(endStream);
      return;
    }
    if (!this.begun) this.start(this.method?.value ?? '', '');
    head.problem = this.problem;
    if (this.oversized) head.fault = FAULTS.headTooLarge;
  }

  private settle(endStream: boolean): void {
    const { head } = this;
    head.neverIndexed = this.neverIndexed;
    this.addHost();
    if (this.rest.length > 0) this.addRest();
    if (this.cookies.length > 0) this.addCookies();
    if (this.protocol !== null) this.askForWebSocket(endStream);
    else if (!endStream && head.body === REQUEST_NO_BODY) head.body = REQUEST_CHUNKED;
    else if (endStream && head.contentLength > 0) this.problem = 'a Content-Length without a body';
    if (this.problem === '' && head.problem === '') this.problem = this.startProblem();
    // It judges the fields, and what else it has found wrong counts as well.
    if (!head.finish()) this.problem ||= head.problem;
    if (this.problem === '') return;
    head.problem = this.problem;
    this.malformed = true;
  }

  private addHost(): void {
    const { head, authority, host } = this;
    const named = authority ?? host;
    if (named === null) return;
    head.add('host', decoded(named));
    if (named.value === '') this.problem = 'an empty :authority';
    // The same once more is allowed, another one is a trap.
    else if (host !== null && host.value.toLowerCase() !== named.value.toLowerCase()) {
      this.problem = 'a Host that differs from :authority';
    }
  }

  private addRest(): void {
    const { head, rest } = this;
    head.latin1 = !rest.every(isText) || !this.cookies.every(isText);
    for (const field of rest) head.add(field.name, head.latin1 ? field.value : decoded(field));
  }

  /** Crumbs are one field on HTTP/1.1 (RFC 9113 §8.2.3). */
  private addCookies(): void {
    const { head, cookies } = this;
    if (this.rest.length === 0) head.latin1 = !cookies.every(isText);
    let value = '';
    for (const crumb of cookies) value += `${value === '' ? '' : '; '}${head.latin1 ? crumb.value : decoded(crumb)}`;
    head.add('cookie', value);
  }

  private askForWebSocket(endStream: boolean): void {
    const { head } = this;
    if (endStream) this.problem = 'an extended CONNECT that ends its stream';
    else if (head.body !== REQUEST_NO_BODY) this.problem = 'an extended CONNECT with a Content-Length';
    head.tunnel = true;
    head.add('connection', 'upgrade');
    head.add('upgrade', 'websocket');
    head.add('sec-websocket-key', randomBytes(16).toString('base64'));
  }

  /** What is wrong with method and target. */
  private startProblem(): string {
    const { method, target } = this.head;
    if (method !== this.goodMethod) {
      if (!isToken(method)) return 'a method that is no token';
      this.goodMethod = method;
    }
    if (target === this.goodTarget) return '';
    if (target.includes('#')) return 'a fragment in :path';
    const problem = targetProblem(target);
    if (problem === '') this.goodTarget = target;
    return problem;
  }
}

/** The fields behind a body (RFC 9113 §8.1), as lines that may be passed on. */
export class TrailerBlock implements FieldSink {
  /** `name: value\r\n` lines. */
  lines = '';
  /** What is wrong with them, '' for good ones. */
  problem = '';
  private readonly maxFields: number;
  private latin1 = false;
  private fields = 0;
  private size = 0;

  /** `maxFields`: that a block may have. */
  constructor(maxFields: number) {
    this.maxFields = maxFields;
  }

  /** `latin1`: the text of the head that they follow has one character per byte, and so has theirs. */
  begin(latin1: boolean): void {
    this.latin1 = latin1;
    this.lines = '';
    this.problem = '';
    this.fields = 0;
    this.size = 0;
  }

  field(field: Field): boolean {
    this.size += field.size;
    if (field.problem !== '') this.problem = field.problem;
    else if (field.kind >= FIELD.method) this.problem = 'a pseudo field in trailers';
    else if (++this.fields > this.maxFields || this.size > MAX_LIST) this.problem = 'too many trailers';
    else if (this.latin1) this.lines += trailerLine(field.name, field.value);
    else if (isText(field)) this.lines += this.textLine(field);
    return this.problem === '';
  }

  private textLine(field: Field): string {
    const line = trailerLine(field.name, field.value);
    return field.ascii ? line : bytesOf(line).toString('utf8');
  }
}

/** What is decoded for the table's sake alone. */
export const NO_FIELDS: FieldSink = { field: () => false };
