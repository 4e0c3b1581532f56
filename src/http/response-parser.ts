/**
 * Reads HTTP/1 responses off a connection, one after the other, however the bytes are cut (RFC 9112).
 * One parser per upstream connection; it owns no socket and keeps no bytes but an unfinished head.
 */
import { ChunkedDecoder, type ChunkSink } from './chunked-decoder.ts';
import { PartialHead } from './partial-head.ts';
import { INCOMPLETE, MALFORMED, MAX_HEAD_BYTES, NO_LENGTH, ResponseHead } from './response-head.ts';

/** How the body of the response under way is delimited. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
export const BODY_UNTIL_CLOSE = 3;

/** Whoever waits for the response. */
export interface ResponseSink {
  /** The client's engine writes a Date of its own, which it cannot leave out: that of the server is dropped. */
  readonly writesDate: boolean;
  /** A 1xx but for 101, which is a final head. */
  responseInterim(head: ResponseHead): void;
  /** The final head. */
  responseHead(head: ResponseHead, framing: number): void;
  /** `chunk` is valid only during the call. */
  responseBody(chunk: Uint8Array): void;
  /**
   * More of the response will come, but not now: whoever can shows its client the head, when that is all there is. Comes
   * at most once per response, before any of the body.
   */
  responseWaits(): void;
  /** `trailers`: `name: value\r\n` lines that may be passed on, a latin-1 character per byte; '' for none. */
  responseEnd(trailers: string): void;
}

/** An interim response per request is usual, a few are possible; an endless row of them is an attack. */
export const MAX_INTERIM = 32;

export class ResponseParser implements ChunkSink {
  readonly head = new ResponseHead();
  /** No response is under way. */
  idle = true;
  /** Not one byte of the response has come. */
  untouched = true;
  /** What is wrong, '' so far nothing. */
  problem = '';
  framing: number = BODY_NONE;

  private sink: ResponseSink | null = null;
  private isHead = false;
  private inBody = false;
  private remaining = 0;
  private interim = 0;
  private partial: PartialHead | null = null;
  private readonly chunks = new ChunkedDecoder(true);

  /** A request was sent: its response is next. */
  expect(sink: ResponseSink, method: string): void {
    this.sink = sink;
    this.isHead = method === 'HEAD';
    this.idle = false;
    this.untouched = true;
    this.inBody = false;
    this.interim = 0;
    this.partial = null;
    this.head.dropsDate = sink.writesDate;
  }

  /**
   * Reads `bytes[at, end)` until the response is complete or the bytes are used up. Returns the index behind the last
   * byte it used; bytes of a head and of a chunked body are changed. `problem` tells when the response is malformed; then nothing more may be read.
   */
  execute(bytes: Buffer, at: number, end: number): number {
    if (at < end) this.untouched = false;
    while (at < end && !this.idle && this.problem === '') {
      if (this.inBody) {
        at = this.readBody(bytes, at, end);
      } else {
        at = this.readHead(bytes, at, end);
        if (at === end && this.inBody && this.sink !== null) this.sink.responseWaits();
      }
    }
    return at;
  }

  /** The server sent its FIN. True: that was the proper end of the response. */
  finish(): boolean {
    if (!this.inBody || this.framing !== BODY_UNTIL_CLOSE) return false;
    this.complete('');
    return true;
  }

  /** The rest of the response is for another one. */
  handOver(sink: ResponseSink): void {
    this.sink = sink;
  }

  /** The exchange gave up: whatever still comes is read by nobody. */
  detach(): void {
    this.sink = null;
    this.idle = true;
  }

  chunkData(bytes: Uint8Array, start: number, end: number): void {
    // The sink may have given up within the same read.
    if (this.sink !== null) this.sink.responseBody(bytes.subarray(start, end));
  }

  private readHead(bytes: Buffer, at: number, end: number): number {
    if (this.partial !== null) return this.readHeadSlow(bytes, at, end);
    const behind = this.head.parse(bytes, at, Math.min(end, at + MAX_HEAD_BYTES));
    if (behind === INCOMPLETE) return this.readHeadSlow(bytes, at, end);
    if (behind === MALFORMED) {
      this.problem = this.head.problem;
      return at;
    }
    this.headComplete();
    return behind;
  }

  /** The head comes in pieces. */
  private readHeadSlow(bytes: Buffer, at: number, end: number): number {
    this.partial ??= new PartialHead();
    const { partial } = this;
    const next = partial.take(bytes, at, end, MAX_HEAD_BYTES);
    const behind = partial.isWorthReading() ? this.head.parse(partial.bytes, 0, partial.length) : INCOMPLETE;
    if (behind === MALFORMED) {
      this.problem = this.head.problem;
    } else if (behind !== INCOMPLETE) {
      this.partial = null;
      this.headComplete();
    } else if (partial.whole || partial.length >= MAX_HEAD_BYTES) {
      this.problem = `a head of more than ${MAX_HEAD_BYTES} bytes`;
    }
    return next;
  }

  private headComplete(): void {
    const head = this.head;
    if (head.status < 200 && head.status !== 101) {
      if (++this.interim > MAX_INTERIM) this.problem = 'too many interim responses';
      else this.sink!.responseInterim(head);
      return;
    }
    this.inBody = true;
    if (head.status === 101) {
      // What follows belongs to the other protocol (RFC 9110 §15.2.2).
      this.framing = BODY_UNTIL_CLOSE;
      head.keepAlive = false;
    } else if (this.isHead || head.status === 204 || head.status === 304) {
      this.framing = BODY_NONE;
    } else if (head.chunked) {
      this.framing = BODY_CHUNKED;
      this.chunks.reset();
    } else if (head.contentLength === NO_LENGTH) {
      this.framing = BODY_UNTIL_CLOSE;
      head.keepAlive = false;
    } else {
      this.framing = BODY_LENGTH;
      this.remaining = head.contentLength;
    }
    this.sink!.responseHead(head, this.framing);
    if (this.sink === null) return;
    if (this.framing === BODY_NONE || (this.framing === BODY_LENGTH && this.remaining === 0)) this.complete('');
  }

  private readBody(bytes: Buffer, at: number, end: number): number {
    if (this.framing === BODY_CHUNKED) {
      const used = this.chunks.decode(bytes, at, end, this);
      if (this.chunks.problem !== '') this.problem = this.chunks.problem;
      else if (this.chunks.done) this.complete(this.chunks.trailers);
      return used;
    }
    if (this.framing === BODY_UNTIL_CLOSE) {
      this.sink!.responseBody(bytes.subarray(at, end));
      return end;
    }
    const upTo = Math.min(end, at + this.remaining);
    this.remaining -= upTo - at;
    // A plain view is cheaper than `subarray` of a Buffer.
    this.sink!.responseBody(new Uint8Array(bytes.buffer, bytes.byteOffset + at, upTo - at));
    if (this.sink !== null && this.remaining === 0) this.complete('');
    return upTo;
  }

  private complete(trailers: string): void {
    const sink = this.sink;
    // Exchanges may be reused at once: nothing here may hold on to this one.
    this.sink = null;
    this.idle = true;
    if (sink !== null) sink.responseEnd(trailers);
  }
}
