/** Reads the body of a request off its connection, by its length or out of its chunks (RFC 9112 §6, §7.1). */
import { ChunkedDecoder, type ChunkSink } from '../../../http/chunked-decoder.ts';
import type { RequestHead } from '../../../http/request-head.ts';
import { requestTrailers } from '../../../http/trailers.ts';
import type { Fault } from '../../../kernel/errors.ts';
import { LEAST_BYTES } from '../progress.ts';

const NOTHING = new Uint8Array(0);

/** Whose body it is. */
export interface BodyUser {
  /** It is not read, for a server that is slower. */
  readonly isPaused: boolean;
  /** The exchange cannot go on without it, or nothing but the rest of it keeps the connection. */
  readonly isAwaited: boolean;
  /** The trailers, before the last piece. */
  bodyTrailers(trailers: string): void;
  /** `piece` is valid during the call. */
  body(piece: Uint8Array, last: boolean): void;
  /** The client does not do its part, or breaks a rule. False: nobody is there to tell it. */
  fail(fault: Fault, detail: string): boolean;
}

export class Http1Body implements ChunkSink {
  /** Whose it is; null: none is to come. */
  user: BodyUser | null = null;
  /** Bytes of bodies, and LEAST_BYTES for each that was whole. */
  brought = 0;
  /** What is wrong with it, '' for nothing. */
  problem = '';
  private isChunked = false;
  private remaining = 0;
  private chunks: ChunkedDecoder | null = null;
  private latin1 = false;
  /** What the bytes of one call have of it. */
  private chunk: Uint8Array | null = null;

  begin(user: BodyUser, head: RequestHead): void {
    this.user = user;
    this.latin1 = head.latin1;
    this.isChunked = head.chunked;
    this.remaining = head.contentLength;
    if (!head.chunked) return;
    this.chunks ??= new ChunkedDecoder(false);
    this.chunks.reset();
  }

  /** Returns the index behind what it used of `bytes[start, end)`. Is `user` null then, it is complete. */
  read(bytes: Buffer, start: number, end: number): number {
    if (this.isChunked) return this.readChunks(this.chunks!, bytes, start, end);
    const behind = Math.min(end, start + this.remaining);
    this.remaining -= behind - start;
    // A plain view is cheaper than `subarray` of a Buffer.
    this.pass(new Uint8Array(bytes.buffer, bytes.byteOffset + start, behind - start), this.remaining === 0);
    return behind;
  }

  private readChunks(chunks: ChunkedDecoder, bytes: Buffer, start: number, end: number): number {
    const behind = chunks.decode(bytes, start, end, this);
    const { chunk } = this;
    this.chunk = null;
    this.problem = chunks.problem;
    if (this.problem !== '') return end;
    if (chunks.done && chunks.trailers !== '') {
      this.user!.bodyTrailers(requestTrailers(chunks.trailers, this.latin1));
    }
    if (chunks.done || chunk !== null) this.pass(chunk ?? NOTHING, chunks.done);
    return behind;
  }

  chunkData(bytes: Uint8Array, start: number, end: number): void {
    this.chunk = bytes.subarray(start, end);
  }

  private pass(piece: Uint8Array, last: boolean): void {
    const user = this.user!;
    this.brought += piece.length;
    if (last) {
      this.user = null;
      this.brought += LEAST_BYTES;
    }
    user.body(piece, last);
  }

  /** The rest of it is for nobody, and where it ends is not known. */
  stop(): BodyUser | null {
    const { user } = this;
    this.user = null;
    return user;
  }
}
