/**
 * The spans of one exchange: one for itself, one for each try, one for each call of an auth server (shared/spec logs §5.4; names
 * of open-telemetry/semantic-conventions docs/http/http-spans.md).
 */
import { fieldLine, fieldValueAt } from '../../http/fields.ts';
import { redactedQuery } from '../../http/query.ts';
import { isBroken } from '../../kernel/causes.ts';
import { randomHex } from '../../kernel/random-hex.ts';
import type { TracingOptions } from '../../kernel/tracing-options.ts';
import { type Attribute, CLIENT_SPAN, SERVER_SPAN, type Span } from '../../otlp/span.ts';
import type { ServerView } from '../../table/views.ts';
import type { Outcome } from '../exchange/outcome.ts';
import { cut, headerAttribute, hostAndPort } from './facts.ts';
import type { ServerCall } from './server-call.ts';
import { MOST_SPANS, SPAN_ID, type Trace } from './trace.ts';

const METHODS: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

/** What a span of a try says of it. */
type TryFacts = {
  readonly server: ServerView;
  readonly start: number;
  readonly end: number;
  /** 0: there was no answer. */
  readonly status: number;
  readonly cause: string;
  /** Its answer did not come, or not to its end. */
  readonly failed: boolean;
  readonly headers: readonly Attribute[];
};

function methodAttributes(method: string): Attribute[] {
  if (METHODS.has(method)) return [['http.request.method', method]];
  return [
    ['http.request.method', '_OTHER'],
    ['http.request.method_original', cut(method)],
  ];
}

function statusAttributes(status: number): Attribute[] {
  return status === 0 ? [] : [['http.response.status_code', status]];
}

/** What is wrong, where something is. */
function errorAttributes(isError: boolean, cause: string, status: number): Attribute[] {
  return isError ? [['error.type', cause === 'ok' ? String(status) : cause]] : [];
}

/** `peer`: `address:port`, '' where it is not known. */
function peerAttributes(peer: string): Attribute[] {
  if (peer === '') return [];
  const [address, port] = hostAndPort(peer, 'http');
  return [
    ['network.peer.address', address],
    ['network.peer.port', port],
  ];
}

/** Those that are captured, of a head `200 OK\r\nname: value\r\n…`. */
function responseHeaders(head: string, captured: readonly string[]): Attribute[] {
  if (head === '') return [];
  return captured.flatMap((name) => {
    const values: string[] = [];
    for (let line = fieldLine(head, name); line >= 0; line = fieldLine(head, name, line)) {
      values.push(fieldValueAt(head, name, line));
    }
    return headerAttribute('response', name, values);
  });
}

/** As a server is asked: the values of its query hidden. */
function safeTarget(target: string, safe: ReadonlySet<string>): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : `${target.slice(0, mark)}?${redactedQuery(target.slice(mark + 1), safe)}`;
}

class ExchangeSpans {
  private readonly trace: Trace;
  private readonly outcome: Outcome;
  private readonly options: TracingOptions;
  private readonly safe: ReadonlySet<string>;
  /** Of the first part of their names. */
  private readonly method: string;

  constructor(trace: Trace, outcome: Outcome, options: TracingOptions, safe: ReadonlySet<string>) {
    this.trace = trace;
    this.outcome = outcome;
    this.options = options;
    this.safe = safe;
    this.method = METHODS.has(outcome.method) ? outcome.method : 'HTTP';
  }

  /** Unix milliseconds of one of performance.now(). */
  private wall(now: number): number {
    const { marks } = this.outcome;
    return marks.wall + (now - marks.begun);
  }

  private name(text: string): string {
    const { spanNameLimit } = this.options;
    return spanNameLimit > 0 && text.length > spanNameLimit ? text.slice(0, spanNameLimit) : cut(text);
  }

  ofExchange(entryPoint: string): Span {
    const { trace, outcome, options } = this;
    const { frontend, backend, server, status, cause, marks } = outcome;
    const request = trace.request!;
    const route = frontend?.literalPath ?? '';
    const query = request.target.slice(request.path.length + 1);
    const [host, port] = hostAndPort(request.host, request.scheme);
    const isError = status >= 500 || isBroken(cause, status);
    const attributes: Attribute[] = [
      ...methodAttributes(outcome.method),
      ['network.protocol.version', request.version],
      ...statusAttributes(status),
      ...errorAttributes(isError, cause, status),
      ['url.path', cut(request.path)],
      ['url.scheme', request.scheme],
      ['client.address', request.client],
      ['server.address', cut(host)],
      ['server.port', port],
      ['network.peer.address', request.peer],
      ['tsuji.entrypoint', entryPoint],
      ['tsuji.cause', cause],
      ...request.headers,
      ...responseHeaders(trace.clientHead, options.capturedResponseHeaders),
    ];
    if (query !== '') attributes.push(['url.query', cut(redactedQuery(query, this.safe))]);
    if (route !== '') attributes.push(['http.route', cut(route)]);
    if (request.peerPort !== 0) attributes.push(['network.peer.port', request.peerPort]);
    if (request.userAgent !== '') attributes.push(['user_agent.original', cut(request.userAgent)]);
    if (frontend !== null) attributes.push(['tsuji.frontend', frontend.name]);
    if (backend !== null) attributes.push(['tsuji.backend', backend.name]);
    if (server !== null) attributes.push(['tsuji.server', server.name]);
    if (outcome.requestId !== '') attributes.push(['tsuji.request_id', outcome.requestId]);
    return {
      traceId: trace.traceId,
      spanId: trace.spanId,
      parentId: trace.parentId,
      isParentRemote: trace.parentId !== '',
      tracestate: trace.state,
      name: this.name(route === '' ? this.method : `${this.method} ${route}`),
      kind: SERVER_SPAN,
      start: this.wall(marks.begun),
      end: this.wall(marks.ended),
      attributes,
      isError,
    };
  }

  private ofClient(
    spanId: string,
    start: number,
    end: number,
    attributes: Attribute[],
    isError: boolean,
    method: string,
  ): Span {
    const { traceId, spanId: parentId, state: tracestate } = this.trace;
    return {
      traceId,
      spanId,
      parentId,
      isParentRemote: false,
      tracestate,
      name: this.name(method),
      kind: CLIENT_SPAN,
      start: this.wall(start),
      end: this.wall(end),
      attributes,
      isError,
    };
  }

  ofTry(before: number, { server, start, end, status, cause, failed, headers }: TryFacts): Span {
    const { trace, outcome, safe } = this;
    const sent = trace.tries[before];
    const isError = failed || status >= 400;
    const scheme = server.scheme === 'https' ? 'https' : 'http';
    const target = safeTarget(sent?.target ?? trace.request!.target, safe);
    const backend = trace.left.find(({ tries }) => before < tries)?.backend ?? outcome.backend?.name ?? '';
    const attributes: Attribute[] = [
      ...methodAttributes(outcome.method),
      ...statusAttributes(status),
      ...errorAttributes(isError, cause, status),
      ['url.full', cut(`${scheme}://${server.hostHeader}${target}`)],
      ['server.address', server.host],
      ['server.port', server.port],
      ['tsuji.backend', backend],
      ['tsuji.server', server.name],
      ['tsuji.cause', cause],
      ...trace.request!.headers,
      ...headers,
    ];
    if (before > 0) attributes.push(['http.request.resend_count', before]);
    if (sent !== undefined) attributes.push(['network.protocol.version', sent.version]);
    attributes.push(...peerAttributes(sent?.peer ?? ''));
    return this.ofClient(sent?.spanId ?? randomHex(SPAN_ID), start, end, attributes, isError, this.method);
  }

  /** In their order; the last one may have been broken by either side. */
  ofTries(): Span[] {
    const { trace, outcome, options } = this;
    const { marks, server } = outcome;
    const lastHeaders = responseHeaders(trace.serverHead, options.capturedResponseHeaders);
    const tries = marks.failed.map((failed, at): TryFacts => {
      const isLast = at === marks.failed.length - 1 && marks.tryBegan < 0;
      const answered = isLast && failed.headCame >= 0;
      return {
        server: failed.server,
        start: failed.began,
        end: failed.failed,
        status: answered && failed.status === 0 ? trace.serverStatus : failed.status,
        cause: failed.fault?.cause ?? 'ok',
        failed: failed.fault !== null,
        headers: answered ? lastHeaders : [],
      };
    });
    if (marks.tryBegan >= 0 && server !== null) {
      const answered = marks.headCame >= 0;
      const failed = !answered || isBroken(outcome.cause, outcome.status);
      tries.push({
        server,
        start: marks.tryBegan,
        end: marks.ended,
        status: answered ? trace.serverStatus : 0,
        cause: failed ? outcome.cause : 'ok',
        failed,
        headers: answered ? lastHeaders : [],
      });
    }
    return tries.slice(0, MOST_SPANS).map((one, before) => this.ofTry(before, one));
  }

  ofCall(call: ServerCall): Span {
    const { marks, cause: whole } = this.outcome;
    const { status, fault, host, port, peer } = call;
    const cause = fault?.cause ?? (status === 0 ? whole : 'ok');
    const isError = status === 0 || status >= 400 || fault !== null;
    const attributes: Attribute[] = [
      ['http.request.method', 'GET'],
      ['network.protocol.version', call.version],
      ...statusAttributes(status),
      ...errorAttributes(isError, cause, status),
      ['url.full', cut(`${call.origin}${safeTarget(call.target, this.safe)}`)],
      ['server.address', host],
      ['server.port', port],
      ['tsuji.cause', cause],
    ];
    attributes.push(...peerAttributes(peer));
    const end = call.end < 0 ? marks.ended : call.end;
    return this.ofClient(call.spanId, call.start, end, attributes, isError, 'GET');
  }
}

/** `entryPoint`: its name. `safe`: parameters of queries whose values are told. */
export function spansOf(
  trace: Trace,
  outcome: Outcome,
  entryPoint: string,
  options: TracingOptions,
  safe: ReadonlySet<string>,
): Span[] {
  const spans = new ExchangeSpans(trace, outcome, options, safe);
  const calls = trace.calls.map((call) => spans.ofCall(call));
  return [spans.ofExchange(entryPoint), ...calls, ...spans.ofTries()];
}
