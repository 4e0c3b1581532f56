/**
 * What a listener engine gives to an exchange: the client's side of one request. Everything above it (routing,
 * balancing, upstream, metrics) exists once; an engine implements this contract and feeds `DownstreamEvents`.
 *
 * Order of calls: `inform` any number of times; then `sealFields` where there are such, and `begin` once, `write` any number of times and `end` once, or `respond`
 * alone; `abort` at any time. `release` comes last and gives the object back to its engine.
 */
import type { X509Certificate } from 'node:crypto';
import { NO_LENGTH } from '../http/response-head.ts';
import type { Fault } from '../kernel/errors.ts';
import type { TlsTraits } from '../kernel/tls-traits.ts';
import type { TlsFacts } from './socket/tls-facts.ts';

/** How the body of a response is framed towards the client. */
export const NO_BODY = -1;
export const UNKNOWN_LENGTH = -2;
/** Not a body: the connection becomes a tunnel, and what follows in either direction are bytes as they come. */
export const TUNNEL = -3;

export interface Downstream {
  /** `begin` shows the client the head at once; false: it goes out with the first piece of the body. */
  readonly sendsHeads: boolean;
  /** The highest status that it can send: servers of HTTP/1.1 may say up to 999. */
  readonly maxStatus: number;
  /** The engine writes a Date of its own, which it cannot leave out: no head may have one. */
  readonly writesDate: boolean;
  /** The longest body that may be given to `respond`, bytes; a longer one comes in pieces. */
  readonly respondsUpTo: number;
  /** The client's connection is encrypted. */
  readonly secure: boolean;
  /** Requests of HTTP/1.0 are told by their head. */
  readonly httpVersion: '1.1' | '2.0';
  /** What is known of that; null in the clear. Absent: the engine knows nothing. */
  readonly tls?: TlsTraits | null;
  /**
   * An interim response (RFC 9110 §15.2), never 101, and 100 only where `passesExpect` of the head says so; the final one
   * follows. `head` as for `respond`. It is only advice: an engine that cannot send it, or whose client would not
   * understand it, drops it.
   */
  inform(head: string | Uint8Array): void;
  /** Fields of the final head that may go into no table on their way (RFC 7541 §6.2.3): names between blanks. Before that head. */
  sealFields?(names: string): void;
  /**
   * The whole response at once.
   * `head`: `200 OK\r\nname: value\r\n…`, without framing and last CRLF; as bytes when some are above 0x7F.
   * `length`: bytes of the body, or NO_BODY where none may follow (204, 304, HEAD). With NO_BODY, `headLength` ≥ 0 is
   * announced as Content-Length all the same. `close`: end the connection after it.
   */
  respond(
    head: string | Uint8Array,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void;
  /**
   * The head of a response whose body follows in pieces. `length` in bytes or UNKNOWN_LENGTH. `close`: say that the
   * connection ends after it, and end it then.
   * TUNNEL only for a head with `tunnel`: from then on `downstreamBody` brings what the client sends.
   */
  begin(head: string | Uint8Array, length: number, close: boolean): void;
  /** Takes all of `chunk` (what it cannot send it copies). False: send no more until `downstreamWritable`. */
  write(chunk: Uint8Array): boolean;
  /**
   * The body is complete. `trailers`: `name: value\r\n` lines that may be passed on, a latin-1 character per byte, '' for
   * none; only after an unknown length. An engine that cannot send them drops them. False: some of the body still waits
   * for the client; `downstreamWritable` comes when it is out.
   */
  end(trailers: string): boolean;
  /**
   * Breaks the connection, so that nobody takes the response for complete. `code` of HTTP/2 (src/http2/codes.ts): why, for
   * clients who can be told.
   */
  abort(code: number): void;
  /** Stops and restarts the flow of `downstreamBody`. */
  pauseBody(): void;
  resumeBody(): void;
  /** The exchange is finished: the engine may use both again. `requestComplete`: no more `downstreamBody` can come. */
  release(requestComplete: boolean): void;
  /** The peer's address as text, IPv6 in its short form. */
  peerAddress(): string;
  /** What a client has presented by TLS and was verified, its own certificate first; empty for none. Absent: the engine knows of none. */
  clientCertificates?(): readonly X509Certificate[];
  /** 0 where it is not known. Absent: the engine knows of none. */
  peerPort?(): number;
  /** Of its TLS; null in the clear. Absent: the engine does not tell. */
  tlsFacts?(): TlsFacts | null;
}

/** A whole response, in pieces where `respond` may not be given it. False: as after `end`. */
export function sendWhole(
  out: Downstream,
  head: string | Uint8Array,
  length: number,
  body: Uint8Array | string,
  trailers: string,
  close: boolean,
): boolean {
  if (length <= out.respondsUpTo) {
    out.respond(head, length, body, NO_LENGTH, close);
    return true;
  }
  out.begin(head, length, close);
  out.write(typeof body === 'string' ? Buffer.from(body) : body);
  return out.end(trailers);
}

export interface DownstreamEvents {
  /**
   * The request's trailers, before the last piece of its body: lines of `trailerLine` (src/http/trailers.ts), as text in
   * the way in which the fields of the head are.
   */
  downstreamTrailers(trailers: string): void;
  /** A piece of the request's body. `chunk` is valid only during the call. */
  downstreamBody(chunk: Uint8Array, last: boolean): void;
  /** After a `write` that returned false: everything went out. */
  downstreamWritable(): void;
  /** The client is gone, or was let go of for `why`; the downstream is invalid from now on. */
  downstreamAborted(why?: Fault): void;
  /**
   * The client breaks a rule of its listener: it is told so where nothing was answered yet, and loses its connection or
   * stream. `detail` is for the log.
   */
  downstreamFailed(fault: Fault, detail: string): void;
  /** An error of ours in one of the above. Ends the exchange, whatever state it is in. */
  crash(error: unknown): void;
}
