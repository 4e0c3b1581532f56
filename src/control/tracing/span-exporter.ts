/**
 * Spans of all workers → a collector (shared/spec logs §5.5). They come encoded, so that this only puts them together; whatever the
 * collector does, the rings are emptied, and what finds no room is dropped and counted.
 *
 *     rings ─▶ queue ─▶ batch ─▶ collector ─▶ exported, or failed
 *       │        │        └─ later ◀─┘
 *       └────────┴─▶ dropped
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { timerSpan } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { encodingOf } from '../../otlp/encodings.ts';
import { type Attribute, type Encoding, MAX_SPAN_BYTES } from '../../otlp/span.ts';
import type { TracingSettings } from '../../settings/settings.ts';
import { createByteRing, droppedRecords, RingReader } from '../../shared/byte-ring.ts';
import { loadTls } from '../source/tls.ts';
import type { SpanCounts } from '../view.ts';
import { Collector } from './collector.ts';
import { SpanQueue } from './span-queue.ts';

/** Of one worker, bytes. */
const RING_BYTES = 2_097_152;
/** That may wait in it (shared/spec logs §5.5). */
const RING_SPANS = 2_048;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** However long a collector asks for. */
const MAX_ASKED_MS = 300_000;
/** For what is left at the end. */
const STOP_MS = 2_000;
/** Between two lines of the log about what was lost. */
const TELL_MS = 60_000;

/** The settings of its TLS. */
export const TRACING_TLS = 'tracing.otlp.http.tls';
const STOPS = 'tsuji stops';

export class SpanExporter {
  /** Where workers write. */
  readonly rings: readonly SharedArrayBuffer[];
  readonly counts = { exported: 0, dropped: 0, failed: 0 } satisfies SpanCounts;
  private readonly readers: readonly RingReader[];
  private readonly encoding: Encoding;
  private readonly collector: Collector;
  private readonly resource: readonly Attribute[];
  private readonly version: string;
  private readonly intervalMs: number;
  private readonly queue = new SpanQueue();
  private timer: NodeJS.Timeout | null = null;
  /** Of all rings, as counted there. */
  private droppedInRings = 0;
  /** What waits is to be sent though it is no whole batch. */
  private isDue = false;
  private sending: Promise<void> | null = null;
  /** What is being sent. */
  private batch: readonly Uint8Array[] = [];
  /** Ends the wait before it is sent again; null where it does not wait. */
  private wake: (() => void) | null = null;
  private stopping = false;
  private stopped = false;
  /** The log says so. */
  private inTrouble = false;
  /** By reason, since they were told of. */
  private readonly lost = new Map<string, number>();
  private toldAt = Number.NEGATIVE_INFINITY;

  /** @throws TsujiError for TLS settings that cannot be used */
  constructor(
    { endpoint, headers, tls, resource, options, intervalMs }: TracingSettings,
    workers: number,
    version: string,
  ) {
    this.rings = Array.from({ length: workers }, () => createByteRing(RING_BYTES, RING_SPANS, MAX_SPAN_BYTES));
    this.readers = this.rings.map((ring) => new RingReader(ring));
    this.encoding = encodingOf(options.encoding);
    this.version = version;
    this.intervalMs = intervalMs;
    const own = new Map<string, string>([
      ['service.version', version],
      ['service.instance.id', randomUUID()],
      ['host.name', hostname()],
    ]);
    this.resource = [...new Map([...own, ...resource])];
    const fields = {
      'User-Agent': `tsuji/${version}`,
      ...Object.fromEntries(headers),
      'Content-Type': this.encoding.contentType,
    };
    this.collector = new Collector(endpoint, fields, endpoint.startsWith('https:') ? loadTls(tls, TRACING_TLS) : null);
  }

  start(): void {
    this.timer = setInterval(() => {
      this.isDue = true;
      this.collect();
      this.tellLost();
    }, timerSpan(this.intervalMs)).unref();
  }

  /** Some worker has many of them. */
  collect(): void {
    const { queue } = this;
    for (const reader of this.readers) {
      while (reader.next()) {
        while (queue.isFull) this.makeRoom();
        queue.push(Buffer.from(reader.bytes.subarray(reader.start, reader.end)));
      }
      reader.release();
    }
    const dropped = this.rings.reduce((sum, ring) => sum + droppedRecords(ring, 0), 0);
    if (dropped > this.droppedInRings) this.drop(dropped - this.droppedInRings, 'they came faster than they were read');
    this.droppedInRings = dropped;
    this.send();
  }

  /** The oldest go: a batch that waits to be sent again, or else one of those behind it. */
  private makeRoom(): void {
    let oldest: readonly Uint8Array[] = this.queue.take();
    if (this.wake !== null) [oldest, this.batch] = [this.batch, oldest];
    this.drop(oldest.length, 'the collector is too slow');
  }

  private send(): void {
    if (this.sending !== null || !(this.queue.hasBatch || this.isDue)) return;
    this.sending = this.sendAll()
      .catch((error: unknown) => tellOwnError('export of spans', error))
      .finally(() => {
        this.sending = null;
      });
  }

  private async sendAll(): Promise<void> {
    const { queue } = this;
    while (!this.stopped && (queue.hasBatch || (this.isDue && queue.length > 0))) {
      this.batch = queue.take();
      await this.deliver();
    }
    this.isDue = false;
  }

  private async deliver(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const answer = await this.collector.post(this.encoding.request(this.resource, this.version, this.batch));
      const { length } = this.batch;
      if (answer.kind === 'taken') {
        this.taken(length, answer.body);
        return;
      }
      if (answer.kind === 'refused') {
        this.counts.failed += length;
        this.loses(length, answer.reason);
        return;
      }
      if (this.stopping) {
        this.drop(length, this.stopped ? STOPS : answer.reason);
        return;
      }
      if (!this.inTrouble) this.tellWait(answer.reason);
      await this.waits(answer.afterMs, tries);
    }
  }

  private taken(count: number, body: Buffer): void {
    const partial = body.length === 0 ? null : this.encoding.partialSuccess(body);
    const rejected = partial === null ? 0 : Math.min(partial.rejected, count);
    this.counts.exported += count - rejected;
    this.counts.failed += rejected;
    if (partial !== null) {
      const message = partial.message === '' ? 'the collector has not taken all' : partial.message;
      if (rejected > 0) this.loses(rejected, message);
      else log.event(EVENTS.collectorWarns, message, { reason: message });
    } else if (this.inTrouble && this.lost.size === 0) {
      this.inTrouble = false;
      log.event(EVENTS.spansBack, '', {});
    }
  }

  private waits(askedMs: number, tries: number): Promise<void> {
    const ownMs = Math.min(FIRST_RETRY_MS * 2 ** tries, MAX_RETRY_MS) * (0.5 + Math.random() / 2);
    const ms = askedMs > 0 ? Math.min(askedMs, MAX_ASKED_MS) : ownMs;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake!(), timerSpan(ms));
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
    });
  }

  private drop(count: number, reason: string): void {
    this.counts.dropped += count;
    this.loses(count, reason);
  }

  private loses(count: number, reason: string): void {
    this.lost.set(reason, (this.lost.get(reason) ?? 0) + count);
    this.tellLost();
  }

  /** Nothing is lost yet. */
  private tellWait(reason: string): void {
    if (!this.mayTell()) return;
    log.event(EVENTS.spansWait, reason, { count: this.batch.length + this.queue.length, reason });
  }

  private tellLost(): void {
    if (this.lost.size === 0 || !this.mayTell()) return;
    for (const [reason, count] of this.lost) log.event(EVENTS.spansLost, reason, { count, reason });
    this.lost.clear();
  }

  /** Once a minute. From then on there is trouble, until it is told that it is over. */
  private mayTell(): boolean {
    const now = performance.now();
    if (now - this.toldAt < TELL_MS) return false;
    this.toldAt = now;
    this.inTrouble = true;
    return true;
  }

  /** What is left is sent, for some seconds at most. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.stopping = true;
    this.wake?.();
    let late: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      late = setTimeout(resolve, STOP_MS);
    });
    await Promise.race([this.sendRest(), time]);
    clearTimeout(late);
    this.stopped = true;
    this.collector.close();
    await this.sending;
    if (this.queue.length > 0) this.drop(this.queue.length, STOPS);
    this.toldAt = Number.NEGATIVE_INFINITY;
    this.tellLost();
  }

  private async sendRest(): Promise<void> {
    this.collect();
    while (!this.stopped && (this.sending !== null || this.queue.length > 0)) {
      this.isDue = true;
      this.send();
      await this.sending;
    }
  }
}
