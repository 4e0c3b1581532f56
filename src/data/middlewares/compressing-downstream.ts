/**
 * A downstream whose responses are compressed by gzip on their way to the client (shared/spec cli-api §3).
 *
 *     begin ─┬─ not to be compressed ─────────────────────────────────▶ PLAIN
 *            ├─ known length, or an event stream ──────────────────────▶ PACKING
 *            └─ length not known ─▶ HOLDING ─┬─ 512 bytes, or HOLD_MS ─▶ PACKING
 *                                            └─ the end before ────────▶ PLAIN
 *
 * Back-pressure goes through: while the client is slow the compressor's output waits, then its input, and then `write`
 * returns false. So what is kept is what zlib keeps while a response is being compressed, its two small
 * buffers and one read of the server.
 */
import { constants, createGzip, type Gzip, gzipSync } from 'node:zlib';
import {
  gzippedHead,
  gzippedTrailers,
  type HeadText,
  headText,
  isEventStream,
  mayCompress,
  variedHead,
} from '../../http/compressed-head.ts';
import { NO_LENGTH } from '../../http/response-head.ts';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import { type Downstream, NO_BODY, UNKNOWN_LENGTH } from '../downstream.ts';
import type { WrapperEvents } from '../middleware.ts';
import { PassingDownstream } from './passing-downstream.ts';

/** Less than that is not worth it. */
const LEAST_BYTES = 512;
/** What is compressed in this thread: less than a millisecond. More goes to a thread of zlib, and comes back in pieces. */
const AT_ONCE_BYTES = 16_384;
/** How long the first bytes of an unknown length wait for more; the wheel makes it 50 to 100 ms. */
const HOLD_MS = 1;

const PLAIN = 0;
const HOLDING = 1;
const PACKING = 2;

export class CompressingDownstream extends PassingDownstream {
  private readonly wheel: TimerWheel;
  /** The client takes it. In either case `Vary` says that others may get other bytes. */
  private readonly accepted: boolean;
  private mode = PLAIN;
  private head: HeadText = '';
  private close = false;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private gzip: Gzip | null = null;
  /** The client waits for each piece: nothing stays in the compressor. */
  private live = false;
  /** `end` was called. */
  private ending = false;
  /** All of it is out of the compressor and with `inner`. */
  private ended = false;

  /** `inner`: the client's side proper. */
  constructor(inner: Downstream, events: WrapperEvents, wheel: TimerWheel, accepted: boolean) {
    super(inner, events);
    this.wheel = wheel;
    this.accepted = accepted;
  }

  override get respondsUpTo(): number {
    return AT_ONCE_BYTES;
  }

  override respond(
    head: HeadText,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    const { inner } = this;
    if (!this.accepted || !mayCompress(headText(head))) {
      inner.respond(variedHead(head), length, body, headLength, close);
    } else if (length === NO_BODY) {
      // HEAD: what would be said of the body that GET has.
      const short = headLength >= 0 && headLength < LEAST_BYTES;
      inner.respond(short ? variedHead(head) : gzippedHead(head), NO_BODY, null, short ? headLength : NO_LENGTH, close);
    } else if (body !== null && length >= LEAST_BYTES && length <= AT_ONCE_BYTES) {
      const packed = gzipSync(body);
      inner.respond(gzippedHead(head), packed.length, packed, NO_LENGTH, close);
    } else {
      inner.respond(variedHead(head), length, body, headLength, close);
    }
  }

  override begin(head: HeadText, length: number, close: boolean): void {
    const text = this.accepted ? headText(head) : '';
    this.head = head;
    this.close = close;
    if (!this.accepted || (length < LEAST_BYTES && length !== UNKNOWN_LENGTH) || !mayCompress(text)) {
      this.inner.begin(variedHead(head), length, close);
    } else if (length !== UNKNOWN_LENGTH || isEventStream(text)) {
      this.pack(length === UNKNOWN_LENGTH);
    } else {
      this.mode = HOLDING;
      this.wheel.arm(this, HOLD_MS);
    }
  }

  override write(chunk: Uint8Array): boolean {
    if (this.mode === PLAIN) return this.inner.write(chunk);
    // It is the caller's again when this returns, and the compressor works in another thread.
    const copy = Buffer.from(chunk);
    if (this.mode === PACKING) return this.feed(copy);
    this.held.push(copy);
    this.heldBytes += copy.length;
    return this.heldBytes < LEAST_BYTES || this.packHeld();
  }

  override end(trailers: string): boolean {
    if (this.mode === PLAIN) return this.inner.end(trailers);
    if (this.mode === HOLDING) {
      this.wheel.cancel(this);
      this.mode = PLAIN;
      this.inner.begin(variedHead(this.head), UNKNOWN_LENGTH, this.close);
      for (const chunk of this.takeHeld()) this.inner.write(chunk);
      return this.inner.end(trailers);
    }
    const gzip = this.gzip!;
    this.ending = true;
    gzip.once('end', () => this.guarded(gzip, () => this.allPacked(trailers)));
    gzip.end();
    return false;
  }

  override expired(): void {
    if (this.mode !== HOLDING) return;
    try {
      this.packHeld();
    } catch (error) {
      this.events.crash(error);
    }
  }

  /** `inner` can take more, or has sent all. */
  override innerWritable(): void {
    if (this.mode === PLAIN || this.ended) this.events.downstreamWritable();
    else this.gzip?.resume();
  }

  override abort(): void {
    this.discard();
    this.inner.abort();
  }

  override release(requestComplete: boolean): void {
    this.discard();
    this.inner.release(requestComplete);
  }

  /** Nothing more goes to the client. */
  private discard(): void {
    this.wheel.cancel(this);
    this.gzip?.destroy();
    this.gzip = null;
    this.takeHeld();
    this.mode = PLAIN;
  }

  private takeHeld(): Buffer[] {
    const { held } = this;
    this.held = [];
    this.heldBytes = 0;
    return held;
  }

  private packHeld(): boolean {
    this.wheel.cancel(this);
    const held = this.takeHeld();
    this.pack(true);
    return held.length === 0 || this.feed(Buffer.concat(held));
  }

  private pack(live: boolean): void {
    this.mode = PACKING;
    this.live = live;
    const gzip = createGzip();
    this.gzip = gzip;
    gzip.on('data', (chunk: Buffer) =>
      this.guarded(gzip, () => {
        if (!this.inner.write(chunk)) gzip.pause();
      }),
    );
    gzip.on('drain', () =>
      this.guarded(gzip, () => {
        if (!this.ending) this.events.downstreamWritable();
      }),
    );
    gzip.on('error', (error) => this.guarded(gzip, () => this.events.crash(error)));
    this.inner.begin(gzippedHead(this.head), UNKNOWN_LENGTH, this.close);
  }

  private feed(chunk: Buffer): boolean {
    const gzip = this.gzip!;
    const more = gzip.write(chunk);
    if (this.live) gzip.flush(constants.Z_SYNC_FLUSH);
    return more;
  }

  private allPacked(trailers: string): void {
    this.ended = true;
    if (this.inner.end(gzippedTrailers(trailers))) this.events.downstreamWritable();
  }

  /** What a compressor says that is not ours any more means nothing, and what is thrown here would end the worker. */
  private guarded(gzip: Gzip, step: () => void): void {
    if (this.gzip !== gzip) return;
    try {
      step();
    } catch (error) {
      this.events.crash(error);
    }
  }
}
