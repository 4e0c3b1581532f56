/**
 * Preloaded into tsuji by tests (`--import`). The product itself has no such switch. A field of a request arms one error
 * in the worker that reads it:
 *
 *     X-Fault: uncaught                        outside of any request, as a bug of ours would
 *     X-Fault: Exchange.attempt                when that method is called next, before it does anything
 *     X-Fault: Exchange.attempt:2              at the second call
 *     X-Fault: Exchange.attempt:1:after        when it has done its work
 *     X-Fault: trace                           none; the next X-Fault prints which methods were called in between
 */
import { isMainThread } from 'node:worker_threads';
import { AccessLog } from '../../src/data/access-log/access-log.ts';
import { Courses } from '../../src/data/access-log/courses.ts';
import { ExchangeRecord } from '../../src/data/access-log/exchange-record.ts';
import { Assignment } from '../../src/data/balancing/assignment.ts';
import { CountedExchange } from '../../src/data/exchange/counted-exchange.ts';
import { Exchange } from '../../src/data/exchange/exchange.ts';
import { HttpExchange } from '../../src/data/exchange/http-exchange.ts';
import { Marks } from '../../src/data/exchange/marks.ts';
import { NextTry } from '../../src/data/exchange/next-try.ts';
import { OutgoingRequest } from '../../src/data/exchange/outgoing-request.ts';
import { OutgoingResponse } from '../../src/data/exchange/outgoing-response.ts';
import { RequestCounts } from '../../src/data/exchange/request-counts.ts';
import { RequestFlow } from '../../src/data/exchange/request-flow.ts';
import { ServerSide } from '../../src/data/exchange/server-side.ts';
import { SubstitutePage } from '../../src/data/exchange/substitute-page.ts';
import { Wrappers } from '../../src/data/exchange/wrappers.ts';
import { Http1Body } from '../../src/data/listener/tsuji/http1-body.ts';
import { Http1Care } from '../../src/data/listener/tsuji/http1-care.ts';
import { Http1Connection } from '../../src/data/listener/tsuji/http1-connection.ts';
import { Http1Downstream } from '../../src/data/listener/tsuji/http1-downstream.ts';
import { Http1Pairs } from '../../src/data/listener/tsuji/http1-pairs.ts';
import { Http1Tunnel } from '../../src/data/listener/tsuji/http1-tunnel.ts';
import { Http2Connection } from '../../src/data/listener/tsuji/http2-connection.ts';
import { Http2Downstream } from '../../src/data/listener/tsuji/http2-downstream.ts';
import { Http2Scheduler } from '../../src/data/listener/tsuji/http2-scheduler.ts';
import { Opening } from '../../src/data/listener/tsuji/opening.ts';
import { TsujiListener } from '../../src/data/listener/tsuji/tsuji-listener.ts';
import { UwsDownstream } from '../../src/data/listener/uws-downstream.ts';
import { UwsFields } from '../../src/data/listener/uws-fields.ts';
import { UwsListener } from '../../src/data/listener/uws-listener.ts';
import { UwsRequest } from '../../src/data/listener/uws-request.ts';
import { UwsTls } from '../../src/data/listener/uws-tls.ts';
import { UwsTlsApp } from '../../src/data/listener/uws-tls-app.ts';
import { UwsClientSocket, UwsHandshake } from '../../src/data/listener/uws-websocket.ts';
import { BufferingDownstream } from '../../src/data/middlewares/buffering-downstream.ts';
import { ReadPieces } from '../../src/data/read-pieces.ts';
import { RequestIds } from '../../src/data/request-ids.ts';
import { BaseSocket } from '../../src/data/socket/base-socket.ts';
import { TcpSocket } from '../../src/data/socket/tcp-socket.ts';
import { TlsServerSocket } from '../../src/data/socket/tls-server-socket.ts';
import { Spool } from '../../src/data/spool/spool.ts';
import { SpoolDisk } from '../../src/data/spool/spool-disk.ts';
import { Trace } from '../../src/data/tracing/trace.ts';
import { Tracer } from '../../src/data/tracing/tracer.ts';
import { UpstreamConnection } from '../../src/data/upstream/connection.ts';
import { HeldBody } from '../../src/data/upstream/held-body.ts';
import { OutgoingBody } from '../../src/data/upstream/outgoing-body.ts';
import { UpstreamPool } from '../../src/data/upstream/pool.ts';
import { UpstreamPools } from '../../src/data/upstream/pools.ts';
import { ResponseWait } from '../../src/data/upstream/response-wait.ts';
import { UpstreamSession } from '../../src/data/upstream/session.ts';
import { SessionFrames } from '../../src/data/upstream/session-frames.ts';
import { SessionOutput } from '../../src/data/upstream/session-output.ts';
import { UpstreamSessions } from '../../src/data/upstream/sessions.ts';
import { UpstreamStream } from '../../src/data/upstream/stream.ts';
import { UsersBehind } from '../../src/data/upstream/users-behind.ts';
import { Refusal } from '../../src/data/websocket/refusal.ts';
import { Relay } from '../../src/data/websocket/relay.ts';
import { ServerSocket } from '../../src/data/websocket/server-socket.ts';
import { WebSocketExchange } from '../../src/data/websocket/websocket-exchange.ts';
import { WriteTurn } from '../../src/data/write-turn.ts';
import { ChunkedDecoder } from '../../src/http/chunked-decoder.ts';
import { FieldLines } from '../../src/http/field-lines.ts';
import { ForwardedFields } from '../../src/http/forwarded-fields.ts';
import { RequestFraming } from '../../src/http/request-framing.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { RequestParser } from '../../src/http/request-parser.ts';
import { RequestReader } from '../../src/http/request-reader.ts';
import { ResponseHead } from '../../src/http/response-head.ts';
import { ResponseParser } from '../../src/http/response-parser.ts';
import type { Field } from '../../src/http2/field.ts';
import { RequestBlock } from '../../src/http2/request-block.ts';
import { RequestEncoder } from '../../src/http2/request-encoder.ts';
import { ResponseBlock } from '../../src/http2/response-block.ts';
import { TimerWheel } from '../../src/kernel/timer-wheel.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { TableLayer } from '../../src/table/layer.ts';
import { RoutingTable } from '../../src/table/reader.ts';

type Method = (this: object, ...args: unknown[]) => unknown;

const CLASSES = {
  Assignment,
  CountedExchange,
  Exchange,
  HttpExchange,
  NextTry,
  OutgoingRequest,
  OutgoingResponse,
  RequestFlow,
  ServerSide,
  SubstitutePage,
  Wrappers,
  Spool,
  SpoolDisk,
  BufferingDownstream,
  UwsDownstream,
  UwsFields,
  UwsListener,
  UwsRequest,
  UwsTls,
  UwsTlsApp,
  UwsHandshake,
  UwsClientSocket,
  WebSocketExchange,
  ServerSocket,
  Relay,
  Refusal,
  TsujiListener,
  Opening,
  BaseSocket,
  TcpSocket,
  TlsServerSocket,
  Http1Connection,
  Http1Downstream,
  Http1Body,
  Http1Care,
  Http1Pairs,
  Http1Tunnel,
  Http2Connection,
  Http2Downstream,
  Http2Scheduler,
  RequestParser,
  RequestBlock,
  UpstreamConnection,
  ResponseWait,
  UsersBehind,
  WriteTurn,
  UpstreamPool,
  UpstreamPools,
  UpstreamSessions,
  UpstreamSession,
  SessionFrames,
  SessionOutput,
  OutgoingBody,
  HeldBody,
  ReadPieces,
  RequestEncoder,
  ResponseBlock,
  UpstreamStream,
  ChunkedDecoder,
  FieldLines,
  ForwardedFields,
  RequestFraming,
  RequestHead,
  RequestReader,
  ResponseHead,
  ResponseParser,
  TimerWheel,
  MetricsLane,
  Marks,
  RequestCounts,
  RequestIds,
  AccessLog,
  Courses,
  ExchangeRecord,
  Tracer,
  Trace,
  RoutingTable,
  TableLayer,
};

function methodsOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter(
    (name) => name !== 'constructor' && typeof Object.getOwnPropertyDescriptor(prototype, name)!.value === 'function',
  );
}

/** Every method that can be made to fail, `Class.method`. */
export const STEPS: readonly string[] = Object.entries(CLASSES).flatMap(([name, made]) =>
  methodsOf(made.prototype).map((method) => `${name}.${method}`),
);

let armed = '';
let callsLeft = 0;
let afterwards = false;
/** While tracing. */
let called: Set<string> | null = null;

function arm(fault: string): void {
  if (called !== null) process.stderr.write(`steps: ${[...called].join(' ')}\n`);
  called = fault === 'trace' ? new Set() : null;
  const [step, calls = '1', when = 'before'] = fault.split(':');
  armed = step;
  callsLeft = Number(calls);
  afterwards = when === 'after';
}

/** Is this call of an armed step the one? It is never two. */
function isDue(step: string): boolean {
  if (armed !== step || --callsLeft > 0) return false;
  armed = '';
  return true;
}

function fire(step: string): never {
  const { stderr } = process;
  stderr.write(`fault: ${step}\n`);
  throw new Error(`injected fault in ${step}`);
}

function wrap(prototype: Record<string, Method>, name: string, step: string): void {
  const original = prototype[name];
  prototype[name] = function (...args): unknown {
    called?.add(step);
    if (armed === '') return original.apply(this, args);
    const due = isDue(step);
    if (due && !afterwards) fire(step);
    const result = original.apply(this, args);
    if (due) fire(step);
    return result;
  };
}

if (!isMainThread) {
  const { keeps } = RequestHead.prototype;
  for (const [name, made] of Object.entries(CLASSES)) {
    const prototype = made.prototype as unknown as Record<string, Method>;
    for (const method of methodsOf(prototype)) wrap(prototype, method, `${name}.${method}`);
  }
  const wrapped = RequestHead.prototype.keeps;
  RequestHead.prototype.keeps = function (name: string, value: string): boolean {
    if (name !== 'x-fault') return wrapped.call(this, name, value);
    if (value !== 'uncaught') {
      arm(value);
      return false;
    }
    setImmediate(() => {
      throw new Error('injected fault');
    });
    return keeps.call(this, name, value);
  };
  // What is known is not looked at.
  const { keep } = UwsFields.prototype;
  UwsFields.prototype.keep = function (): void {
    const own = this as unknown as { names: string[] | null };
    if (own.names?.includes('x-fault')) own.names = null;
    keep.call(this);
  };
  // Of HTTP/2 most fields go by without a look at their names.
  const { field } = RequestBlock.prototype;
  RequestBlock.prototype.field = function (each: Field): boolean {
    if (each.name !== 'x-fault' || each.value === 'uncaught') return field.call(this, each);
    arm(each.value);
    return true;
  };
}
