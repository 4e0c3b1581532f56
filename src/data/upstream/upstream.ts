/**
 * What the upstream side gives to an exchange: the server's side of one request, whatever protocol it is spoken in. An
 * HTTP/1.1 connection and a stream of an HTTP/2 session implement it; everything above exists once.
 *
 * Order of calls: `sendHead` once, then `write` any number of times and `endBody` once, unless the head was complete;
 * then `done` when the response has ended, or `abandon` at any time.
 */
import type { ResponseSink } from '../../http/response-parser.ts';
import type { Fault } from '../../kernel/errors.ts';

export interface Upstream {
  /** The server may refuse the request without a look at it (RFC 9113 §8.7), so that it can be sent anew, body and all. */
  readonly mayRefuse: boolean;
  /** What is spoken on it: `1.1` or `2`. */
  readonly protocol: '1.1' | '2';
  /** Address and port that it is connected to, '' where that is not known any more. */
  readonly peer: string;
  /**
   * `head`: the whole request head as HTTP/1.1 text, up to its empty line; other protocols translate it. `body`:
   * REQUEST_NO_BODY, REQUEST_LENGTH or REQUEST_CHUNKED. `complete`: no body follows, so that the time for the response
   * begins now; else with `endBody`. `latin1`: the text has one character per byte; else it is to be written as UTF-8.
   * `upgrades`: an upgrade is asked for, whose answer is awaited for some time even where other answers are for ever.
   * `neverIndexed`: as of RequestHead.
   */
  sendHead(
    head: string,
    method: string,
    body: number,
    complete: boolean,
    latin1: boolean,
    upgrades: boolean,
    neverIndexed: string,
  ): void;
  /** A piece of the body, not yet framed. False: send no more until `upstreamWritable`. It must stay unchanged. */
  write(chunk: Uint8Array): boolean;
  /** Bytes that were written and still wait for the server; after a `write` that returned false. */
  readonly backlog: number;
  /** The body was written to its end, or that direction of a tunnel is through. `trailers`: `name: value\r\n` lines, '' for none; a body with a length has none. */
  endBody(trailers: string): void;
  /** The response head is here: it is no longer waited for. */
  headArrived(): void;
  /** Stops and restarts the flow of `responseBody`. */
  pause(): void;
  resume(): void;
  /** The response has ended. `requestSent`: all of the request was handed over with `write` and `endBody`; what of it still waits is let go. */
  done(requestSent: boolean): void;
  /** As `abandon`, within `responseHead`, of a request that was sent to its end: where it is cheap the response is read past. */
  discard(user: UpstreamUser): void;
  /** `user` has no more interest and hears nothing more. */
  abandon(user: UpstreamUser): void;
}

/** Whoever uses an upstream for one request and its response. */
export interface UpstreamUser extends ResponseSink {
  /** The dial has succeeded: the request can be written, to `upstream`, which may be another than the one that dialed. */
  upstreamConnected(upstream: Upstream): void;
  /** After a `write` that returned false. */
  upstreamWritable(): void;
  /**
   * The try has failed; the upstream is closed and no longer ours. `detail` is for the log; `code` of HTTP/2, for a client
   * that has begun to get the response.
   */
  upstreamFailed(fault: Fault, detail: string, code: number): void;
  /** An error of ours while bytes of the server were dealt with. Ends the exchange, whatever state it is in. */
  crash(error: unknown): void;
}
