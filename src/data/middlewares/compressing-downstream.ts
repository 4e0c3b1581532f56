/**
 * A downstream whose responses are compressed on their way to the client (shared/spec frontend-options §3.10).
 *
 *     respond ─── short and whole: at once, in this thread
 *     begin ─┬─ not to be compressed ─────────────────────────────────▶ PLAIN
 *            ├─ known length, or an event stream ─────────────────────▶ PACKING   in the thread pool
 *            └─ length not known ─▶ HOLDING ─┬─ enough, or HOLD_MS ───▶ PACKING
 *                                            └─ the end before ───────▶ PLAIN
 *
 * Back-pressure goes through: while the client is slow the encoder's output waits, then its input, and then `write`
 * returns false. So what is kept is what an encoder takes, and before it MOST_WAITING and one read of the server; both count
 * for the budget.
 */
import {
  compressed,
  compressedTrailers,
  fieldsOf,
  type HeadText,
  isTransformable,
  like,
  mediaType,
  vary,
  weakenTag,
} from '../../http/compressed-head.ts';
import { NO_LENGTH } from '../../http/response-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import type { Coding } from '../../kernel/codings.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { type Downstream, NO_BODY, TUNNEL, UNKNOWN_LENGTH } from '../downstream.ts';
import type { BufferHolder } from '../memory-budget.ts';
import type { Scope, WrapperEvents } from '../middleware.ts';
import type { Compression } from './compress.ts';
import type { CompressionLoad } from './compression-load.ts';
import { atOnceBytes, createEncoder, type Encoder, encoderBytes, flushEncoder } from './encoder.ts';
import { PassingDownstream } from './passing-downstream.ts';

/** How long the first bytes of an unknown length wait for more. */
const HOLD_MS = 20;
/** What stays in an encoder goes out when the server says nothing more for so long. */
const SILENCE_MS = 10;
/** Of what waits for the encoder, or for more; then the server is stopped. */
const MOST_WAITING = 65_536;
/** Of what waits and is worked up: counted with the encoder. */
const MOST_COUNTED = 4 * MOST_WAITING;
/** Pieces of a few bytes are put together when there are so many. */
const MOST_PIECES = 256;

const PLAIN = 0;
const HOLDING = 1;
const PACKING = 2;

export class CompressingDownstream extends PassingDownstream implements BufferHolder {
  heldBytes = 0;
  private readonly exchange: Scope;
  private readonly compression: Compression;
  private readonly load: CompressionLoad;
  private mode = PLAIN;
  private head: HeadText = '';
  private length = UNKNOWN_LENGTH;
  private close = false;
  /** What waits for the encoder, or for more of its kind. */
  private pieces: Buffer[] = [];
  private waiting = 0;
  /** `write` has returned false for it. */
  private full = false;
  private encoder: Encoder | null = null;
  private coding: Coding = 'gzip';
  /** What it takes, bytes. */
  private encoderBytes = 0;
  /** It has something to work up. */
  private busy = false;
  /** Of that, bytes. */
  private inWork = 0;
  /** It stands still until the client takes more. */
  private stopped = false;
  /** It is among the jobs of `load`. */
  private working = false;
  /** The client waits for each piece: nothing stays in the encoder. */
  private live = false;
  private timer: NodeJS.Timeout | null = null;
  /** `end` was called with them. */
  private trailers: string | null = null;
  /** All of it is out of the encoder and with `inner`. */
  private ended = false;

  constructor(
    inner: Downstream,
    events: WrapperEvents,
    exchange: Scope,
    compression: Compression,
    load: CompressionLoad,
  ) {
    super(inner, events);
    this.exchange = exchange;
    this.compression = compression;
    this.load = load;
  }

  override get respondsUpTo(): number {
    const { rules, codings } = this.compression;
    const { respondsUpTo } = this.inner;
    if (rules === null || codings.length === 0) return respondsUpTo;
    return this.load.hasTime ? Math.min(respondsUpTo, atOnceBytes(codings[0], rules.levels[codings[0]])) : 0;
  }

  /**
   * What the response with these fields may be compressed by, null for nothing. `Vary` is added where other clients may get
   * it otherwise. `length` of the body, below 0 where it is not known.
   */
  private judge(fields: ResponseText, length: number): Coding | null {
    const { rules, codings } = this.compression;
    if (rules === null) return null;
    const type = mediaType(fields);
    const { status } = fields;
    // A 304 need not say what it is about; that may have been compressed.
    const allowed =
      status === 304 ? type === '' || rules.allowsType(type) : rules.allowsStatus(status) && rules.allowsType(type);
    const compressible = allowed && !(length >= 0 && length < rules.leastBytes) && isTransformable(fields);
    if (compressible || rules.variesAlways) vary(fields);
    return compressible && codings.length > 0 ? codings[0] : null;
  }

  override respond(
    head: HeadText,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    const { inner, compression, load } = this;
    const fields = fieldsOf(head);
    const coding = this.judge(fields, length === NO_BODY ? headLength : length);
    if (coding === null) {
      inner.respond(like(head, fields), length, body, headLength, close);
    } else if (length === NO_BODY) {
      // A 304 or HEAD: what would be said of the body that GET has.
      if (fields.status === 304) weakenTag(fields);
      else compressed(fields, coding);
      inner.respond(like(head, fields), NO_BODY, null, NO_LENGTH, close);
    } else {
      const level = compression.rules!.levels[coding];
      if (body === null || length > atOnceBytes(coding, level) || !load.hasTime) {
        inner.respond(like(head, fields), length, body, headLength, close);
        return;
      }
      const encoded = load.encode({ coding, level }, body);
      this.exchange.worker.metrics.compressed(coding, length, encoded.length);
      compressed(fields, coding);
      this.exchange.record?.packs(fields.text, encoded.length);
      inner.respond(like(head, fields), encoded.length, encoded, NO_LENGTH, close);
    }
  }

  override begin(head: HeadText, length: number, close: boolean): void {
    if (length === TUNNEL) {
      this.inner.begin(head, length, close);
      return;
    }
    const fields = fieldsOf(head);
    const coding = this.judge(fields, length);
    this.head = like(head, fields);
    this.length = length;
    this.close = close;
    if (coding === null) {
      this.inner.begin(this.head, length, close);
      return;
    }
    this.live = mediaType(fields) === 'text/event-stream';
    if (length !== UNKNOWN_LENGTH || this.live) {
      if (!this.pack()) this.passHeld();
    } else {
      this.mode = HOLDING;
      this.timer = setTimeout(this.due, HOLD_MS);
    }
  }

  override write(chunk: Uint8Array): boolean {
    if (this.mode === PLAIN) return this.inner.write(chunk);
    // It is the caller's again when this returns, and the encoder works in another thread.
    this.wait(Buffer.from(chunk));
    if (this.mode === HOLDING) {
      if (this.waiting >= this.compression.rules!.leastBytes) return this.packHeld();
      if (!this.exchange.worker.budget.hold(this, this.waiting)) return true;
    } else {
      if (!this.account()) return true;
      if (!this.busy) this.work();
    }
    this.full = this.waiting >= MOST_WAITING;
    return !this.full;
  }

  private wait(piece: Buffer): void {
    if (this.pieces.length === MOST_PIECES) this.pieces = [Buffer.concat(this.pieces)];
    this.pieces.push(piece);
    this.waiting += piece.length;
  }

  /** More waits only where a whole response was kept before it came here. False: it was ended for it. */
  private account(): boolean {
    const beyond = Math.max(this.waiting + this.inWork - MOST_COUNTED, 0);
    const bytes = this.encoderBytes + beyond;
    return bytes === this.heldBytes || this.exchange.worker.budget.hold(this, bytes);
  }

  override end(trailers: string): boolean {
    if (this.mode === HOLDING) this.passHeld();
    if (this.mode === PLAIN) return this.inner.end(trailers);
    this.trailers = trailers;
    if (!this.busy) this.work();
    return false;
  }

  /** A timer, in whichever state it was set. */
  private readonly due = (): void => {
    this.timer = null;
    try {
      if (this.mode === PACKING) {
        if (this.encoder !== null) flushEncoder(this.encoder, this.coding);
      } else if (this.mode === HOLDING && this.packHeld()) {
        this.goOn();
      }
    } catch (error) {
      this.events.crash(error);
    }
  };

  /** The server was stopped, and need not be. */
  private goOn(): void {
    if (!this.full) return;
    this.full = false;
    this.events.downstreamWritable();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** `inner` can take more, or has sent all. */
  override innerWritable(): void {
    if (this.mode === PLAIN || this.ended) {
      this.events.downstreamWritable();
      return;
    }
    this.stopped = false;
    this.tally();
    this.encoder?.resume();
  }

  override abort(code: number): void {
    this.discard();
    this.inner.abort(code);
  }

  override release(requestComplete: boolean): void {
    this.discard();
    this.inner.release(requestComplete);
  }

  endOverBudget(): void {
    this.discard();
    this.exchange.breakOff(FAULTS.overBudget, '');
  }

  /** Nothing more goes to the client. */
  private discard(): void {
    this.letGo();
    this.mode = PLAIN;
  }

  private tally(): void {
    const working = this.busy && !this.stopped;
    if (working === this.working) return;
    this.working = working;
    this.load.jobs += working ? 1 : -1;
  }

  private takeWaiting(): Buffer[] {
    const { pieces } = this;
    this.pieces = [];
    this.waiting = 0;
    return pieces;
  }

  /** Nothing is compressed: what was held goes out as it is. */
  private passHeld(): boolean {
    this.stopTimer();
    this.mode = PLAIN;
    const held = this.takeWaiting();
    if (this.heldBytes > 0) this.exchange.worker.budget.release(this);
    this.inner.begin(this.head, this.length, this.close);
    let more = true;
    for (const piece of held) more = this.inner.write(piece);
    return more;
  }

  private packHeld(): boolean {
    this.stopTimer();
    if (!this.pack()) return this.passHeld();
    if (this.waiting > 0) this.work();
    return true;
  }

  /** False: there is too much to do already, and nothing has gone out. */
  private pack(): boolean {
    const { load, compression, exchange } = this;
    const encoding = load.choose(compression.codings, compression.rules!.levels);
    if (encoding === null) return false;
    const { coding, level } = encoding;
    const bytes = encoderBytes(coding, level);
    if (!exchange.worker.budget.hasRoom(this, bytes)) return false;
    this.mode = PACKING;
    this.coding = coding;
    this.encoderBytes = bytes;
    load.bytes += bytes;
    exchange.worker.budget.hold(this, bytes);
    this.encoder = this.listenTo(createEncoder(coding, level));
    const fields = fieldsOf(this.head);
    compressed(fields, coding);
    exchange.record?.packs(fields.text, 0);
    this.inner.begin(like(this.head, fields), UNKNOWN_LENGTH, this.close);
    return true;
  }

  private listenTo(encoder: Encoder): Encoder {
    encoder.on('data', (chunk: Buffer) =>
      this.guarded(encoder, () => {
        this.exchange.worker.metrics.compressed(this.coding, 0, chunk.length);
        this.exchange.record?.packs('', chunk.length);
        if (this.inner.write(chunk)) return;
        encoder.pause();
        this.stopped = true;
        this.tally();
      }),
    );
    encoder.on('error', (error) => this.guarded(encoder, () => this.events.crash(error)));
    return encoder;
  }

  /** Gives the encoder what waits, or else the end. */
  private work(): void {
    const encoder = this.encoder!;
    this.busy = true;
    this.tally();
    if (this.waiting === 0 && this.trailers !== null) {
      this.stopTimer();
      encoder.once('end', () => this.guarded(encoder, () => this.allPacked(this.trailers!)));
      encoder.end();
      return;
    }
    this.inWork = this.waiting;
    this.exchange.worker.metrics.compressed(this.coding, this.inWork, 0);
    const pieces = this.takeWaiting();
    encoder.write(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), () =>
      this.guarded(encoder, () => this.workedUp()),
    );
    if (this.live) flushEncoder(encoder, this.coding);
    else if (this.timer === null) this.timer = setTimeout(this.due, SILENCE_MS);
    else this.timer.refresh();
  }

  private workedUp(): void {
    this.busy = false;
    this.inWork = 0;
    if (!this.account()) return;
    if (this.waiting > 0 || this.trailers !== null) this.work();
    else this.tally();
    if (this.trailers === null) this.goOn();
  }

  private allPacked(trailers: string): void {
    this.letGo();
    this.ended = true;
    if (this.inner.end(compressedTrailers(trailers))) this.events.downstreamWritable();
  }

  /** Gives back what its encoder and what waits for it take. */
  private letGo(): void {
    this.stopTimer();
    this.encoder?.destroy();
    this.encoder = null;
    this.load.bytes -= this.encoderBytes;
    this.encoderBytes = 0;
    this.busy = false;
    this.tally();
    this.takeWaiting();
    if (this.heldBytes > 0) this.exchange.worker.budget.release(this);
  }

  /** What an encoder says that is not ours any more means nothing, and what is thrown here would end the worker. */
  private guarded(encoder: Encoder, step: () => void): void {
    if (this.encoder !== encoder) return;
    try {
      step();
    } catch (error) {
      this.events.crash(error);
    }
  }
}
