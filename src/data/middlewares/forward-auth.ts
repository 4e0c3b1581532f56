/** Lets another server say whether a request may pass (shared/spec kv-schema §6.6, frontend-options §2.3). */
import { hash } from 'node:crypto';
import { fieldLine, fieldValueAt, headField, withoutFields } from '../../http/fields.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { BODY_NONE } from '../../http/response-parser.ts';
import { ResponseText } from '../../http/response-text.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { compileRegex, type Regex } from '../../kernel/regex.ts';
import { type ForwardAuthOptions, mayBeTaken } from '../../middlewares/forward-auth.ts';
import type { BackendView } from '../../table/views.ts';
import { AuthAnswers, type Yes } from '../auth/auth-answers.ts';
import type { WorkerContext } from '../context.ts';
import { type Foreseen, type Middleware, type Peer, type Scope, WAITS, type Waiting } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';
import { Subrequest, type SubrequestText } from '../subrequest.ts';
import type { SubrequestUser } from '../subrequest-user.ts';
import type { ServerCall } from '../tracing/server-call.ts';
import type { Trace } from '../tracing/trace.ts';

/** Fields that say how a connection is used, or that speak of a body that it is not sent. */
const NOT_SENT: ReadonlySet<string> = new Set(['content-length', 'content-type', 'expect', 'te', 'upgrade']);
const FORWARDED = /^x-forwarded-(?:for|method|uri|host|proto)$/;
/** Nobody has said anything that could be passed on. */
const FAILED: Reply = {
  status: 500,
  head: '500 Internal Server Error',
  body: '',
  length: 0,
  cause: 'auth_error',
  closes: false,
};

function traceLines(trace: Trace | null, call: ServerCall | null): string {
  if (trace === null) return '';
  return call === null ? trace.ownLines : trace.linesOf(call.spanId);
}

export class ForwardAuth implements Middleware {
  readonly worker: WorkerContext;
  readonly options: ForwardAuthOptions;
  private readonly backend: BackendView | null;
  private readonly regex: Regex | null;
  private readonly poolKey: string;
  /** Whom it guards, for the log. */
  private readonly guarded: { readonly frontend: string } | { readonly entrypoint: string };
  /** It is told the name of the request, whatever else. */
  private readonly idField: string;
  /** Of what is remembered: another text for every place, and for the same one under other options. */
  private readonly scope: string;

  /** `place`: where it stands in this worker, whatever the table. */
  constructor(
    worker: WorkerContext,
    options: ForwardAuthOptions,
    place: readonly [entryPoint: number, frontend: string | null],
    backend: BackendView | null,
    idField: string,
  ) {
    this.worker = worker;
    this.idField = idField;
    const [entryPoint, frontend] = place;
    this.guarded = frontend === null ? { entrypoint: worker.entryPoints[entryPoint].name } : { frontend };
    this.options = options;
    this.backend = backend;
    this.regex = options.authResponseHeadersRegex === '' ? null : compileRegex(options.authResponseHeadersRegex);
    const { scheme, hostHeader, tls } = options;
    this.poolKey = hash('sha256', JSON.stringify([scheme, hostHeader, tls]), 'base64');
    this.scope = hash('sha256', JSON.stringify([place, options]), 'base64');
  }

  request(exchange: Scope, head: RequestHead): Reply | null | typeof WAITS {
    const key = this.cacheKey(head);
    const yes = key === '' ? null : this.worker.authAnswers.find(key);
    exchange.authWasKnown = yes !== null;
    if (yes !== null) {
      this.admit(exchange, head, yes);
      return null;
    }
    // Once the head is ours: the answer may come within the call that asks.
    const waiting = exchange.wait();
    queueMicrotask(() => this.ask(exchange, waiting, key));
    return WAITS;
  }

  foresee(exchange: Scope, head: RequestHead): Foreseen {
    const key = this.cacheKey(head);
    const yes = key === '' ? null : this.worker.authAnswers.find(key);
    if (yes !== null) {
      this.admit(exchange, head, yes);
      return { text: `${this.shownAddress} has said yes a moment ago`, reply: null, isCertain: true };
    }
    return { text: `asks ${this.shownAddress}, which answers if it says no`, reply: null, isCertain: false };
  }

  private ask(exchange: Scope, waiting: Waiting, key: string): void {
    const { head } = waiting;
    // The client has left.
    if (head === null) return;
    const { worker } = this;
    const { client } = exchange;
    const { timeoutMs } = this.options;
    const call = exchange.trace?.beginCall() ?? null;
    const verdict = new Verdict(this, exchange, waiting, key, call);
    // Before it is asked: whoever refuses within the call has ended the exchange behind it.
    exchange.keep(this, verdict);
    try {
      const text = this.text(head, client, traceLines(exchange.trace, call));
      call?.goesTo(this.options, text.target);
      verdict.request =
        this.backend === null
          ? Subrequest.toPool(worker, this.pool(), text, timeoutMs, verdict)
          : Subrequest.toBackend(worker, this.backend, head, client, text, timeoutMs, verdict);
    } catch (error) {
      tellOwnError('call of an auth server', error);
      waiting.proceed(FAILED);
    }
  }

  /** It did not say whether a request may pass. */
  tellLost(reason: string): void {
    this.worker.authAnswers.lost.add(this.lostName);
    log.event(EVENTS.authUnreachable, this.lostName, { ...this.guarded, address: this.shownAddress, reason });
  }

  tellBack(): void {
    if (!this.worker.authAnswers.lost.delete(this.lostName)) return;
    log.event(EVENTS.authBack, this.lostName, { ...this.guarded, address: this.shownAddress });
  }

  /** What stands behind the question mark may be a secret. */
  private get shownAddress(): string {
    return this.options.address.split('?', 1)[0];
  }

  private get lostName(): string {
    return Object.values(this.guarded).join();
  }

  private pool() {
    const { scheme, host, port, hostHeader, tls } = this.options;
    return this.worker.pools.apart(this.poolKey, { scheme, host, port, hostHeader }, tls);
  }

  /** `trace`: what it is told of the trace. */
  private text(head: RequestHead, client: Peer, trace: string): SubrequestText {
    const { options } = this;
    const peer = client.peerAddress();
    const trusts = options.trustForwardHeader && head.trusted;
    const told = (name: string, ours: string): string => {
      const theirs = trusts ? (head.values(name)[0] ?? '') : '';
      return `${name}: ${theirs === '' ? ours : theirs}\r\n`;
    };
    const chain = trusts && head.forwarded.for !== '' ? `${head.forwarded.for}, ${peer}` : peer;
    const forwarded =
      `x-forwarded-for: ${chain}\r\n${told('x-forwarded-method', head.method)}` +
      told('x-forwarded-proto', client.secure ? 'https' : 'http') +
      told('x-forwarded-host', head.host) +
      told('x-forwarded-uri', head.asWritten(head.target));
    return {
      method: 'GET',
      target: options.target,
      host: options.hostHeader,
      lines: this.fieldsOf(head) + forwarded + trace,
      latin1: head.latin1,
      body: null,
      isCopy: false,
    };
  }

  private fieldsOf(head: RequestHead): string {
    const wanted = this.options.authRequestHeaders;
    const lines = withoutFields(head.fields, NOT_SENT);
    let kept = '';
    for (let start = 0; start < lines.length; ) {
      const end = lines.indexOf('\r\n', start) + 2;
      const name = lines.slice(start, lines.indexOf(':', start)).toLowerCase();
      if (!FORWARDED.test(name) && (wanted === null || wanted.includes(name) || name === this.idField))
        kept += lines.slice(start, end);
      start = end;
    }
    return kept;
  }

  /** What an answer of 2xx changes. */
  yesOf(text: string): Yes {
    const fields: (readonly [string, string])[] = [];
    const names = new Set(this.options.authResponseHeaders.map((name) => name.toLowerCase()));
    if (this.regex !== null) {
      for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) {
        const name = text.slice(at + 2, text.indexOf(':', at));
        if (this.regex.test(name) && mayBeTaken(name)) names.add(name.toLowerCase());
      }
    }
    for (const name of names) {
      let lines = '';
      for (let line = fieldLine(text, name); line >= 0; line = fieldLine(text, name, line)) {
        lines += `${name}: ${fieldValueAt(text, name, line)}\r\n`;
      }
      fields.push([name, lines]);
    }
    return { fields, cookies: this.cookiesOf(text) };
  }

  private cookiesOf(text: string): string[] {
    const cookies: string[] = [];
    const wanted = this.options.addAuthCookiesToResponse;
    if (wanted.length === 0) return cookies;
    for (let line = fieldLine(text, 'set-cookie'); line >= 0; line = fieldLine(text, 'set-cookie', line)) {
      const cookie = fieldValueAt(text, 'set-cookie', line);
      if (wanted.includes(cookie.slice(0, cookie.indexOf('=')))) cookies.push(cookie);
    }
    return cookies;
  }

  admit(exchange: Scope, head: RequestHead, { fields, cookies }: Yes): void {
    for (const [name, lines] of fields) {
      // Bytes above ASCII in it are one character each, as in a head that is no UTF-8.
      head.setLines(name, head.latin1 ? lines : Buffer.from(lines, 'latin1').toString('utf8'));
    }
    if (cookies.length > 0) exchange.keep(this, cookies);
  }

  response(exchange: Scope, response: ResponseText): undefined {
    const cookies = exchange.kept(this);
    if (Array.isArray(cookies)) for (const cookie of cookies) response.add('Set-Cookie', cookie as string);
  }

  ended(exchange: Scope): void {
    const verdict = exchange.kept(this);
    if (verdict instanceof Verdict) verdict.request?.cancel();
  }

  /** What makes two requests the same for the auth server; '' when nothing is kept for this one. */
  private cacheKey(head: RequestHead): string {
    if (this.options.cacheMs === 0) return '';
    const credentials = [...head.values('authorization'), ...head.values('cookie')];
    if (credentials.length === 0) return '';
    const parts = [head.values('authorization'), head.values('cookie'), head.target, head.method, head.host];
    return AuthAnswers.key(this.scope, parts);
  }

  remember(key: string, text: string, yes: Yes): void {
    const control = headField(text, 'cache-control').toLowerCase();
    if (key === '' || control.includes('no-store') || (control.includes('private') && control.includes('max-age=0')))
      return;
    this.worker.authAnswers.remember(key, yes, this.options.cacheMs);
  }

  /** The answer that says no, for the client. */
  noOf(status: number, text: string, body: Buffer): Reply {
    const response = new ResponseText();
    response.text = text;
    const location = response.get('location');
    if (location !== null && !this.options.preserveLocationHeader) {
      const { scheme, hostHeader, target } = this.options;
      const base = `${scheme}://${hostHeader}${target}`;
      if (!URL.canParse(location, base)) return FAILED;
      response.set('Location', new URL(location, base).href);
    }
    return { status, head: response.text, body, length: body.length, cause: 'auth_refused', closes: false };
  }
}

/** What the auth server says of one request. */
class Verdict implements SubrequestUser {
  request: Subrequest | null = null;
  private readonly auth: ForwardAuth;
  private readonly exchange: Scope;
  private readonly waiting: Waiting;
  private readonly key: string;
  private status = 0;
  private text = '';
  private readonly call: ServerCall | null;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(auth: ForwardAuth, exchange: Scope, waiting: Waiting, key: string, call: ServerCall | null) {
    this.auth = auth;
    this.call = call;
    this.exchange = exchange;
    this.waiting = waiting;
    this.key = key;
  }

  subrequestAnswered(head: ResponseHead, framing: number): void {
    this.status = head.status;
    this.text = head.text;
    if (this.call !== null && this.request !== null) this.call.reached(this.request, this.request.server);
    if (framing === BODY_NONE) this.bytes = 0;
  }

  subrequestBody(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes > this.auth.options.maxResponseBodyBytes) {
      this.request?.cancel();
      this.call?.ends(this.status, FAULTS.responseTooLarge);
      this.fail('its answer is longer than maxresponsebodybytes');
    } else if (!this.saysYes) this.chunks.push(Buffer.from(chunk));
  }

  private get saysYes(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  subrequestEnded(): void {
    const { waiting, auth } = this;
    auth.tellBack();
    this.call?.ends(this.status, null);
    if (!this.saysYes) {
      waiting.proceed(auth.noOf(this.status, this.text, Buffer.concat(this.chunks)));
      return;
    }
    const yes = auth.yesOf(this.text);
    auth.remember(this.key, this.text, yes);
    if (waiting.head === null) return;
    auth.admit(this.exchange, waiting.head, yes);
    waiting.proceed(null);
  }

  subrequestFailed(fault: Fault, detail: string): void {
    this.call?.ends(this.status, fault);
    this.fail(detail === '' ? fault.text : `${fault.text}: ${detail}`);
  }

  private fail(reason: string): void {
    this.auth.tellLost(reason);
    this.waiting.proceed(FAILED);
  }
}

/** Of an auth section that names no way in: nobody comes in (shared/spec frontend-options §1.3). */
export class NoAuth implements Middleware {
  request(): Reply {
    return localReply(FAULTS.authConfig);
  }
}
