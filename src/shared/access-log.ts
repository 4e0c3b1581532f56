/**
 * What workers and the writer of the access log share: a ring of lines for each worker, a bell that wakes the writer, and
 * counts. A ring stands at the beginning of a memory of WebAssembly, and behind it is room in which the worker puts lines together.
 *
 *     words   off · bell · asleep          Int32
 *     64      requests                     Int32, apart: every worker counts there
 *     128     lines · bytes                Float64, of the writer alone
 */
import { byteRingBytes, createByteRing, droppedRecords } from './byte-ring.ts';

const OFF = 0;
const BELL = 1;
/** The writer waits for the bell. */
const ASLEEP = 2;
const REQUESTS = 16;
const COUNTS_AT = 128;
const LINES = 0;
const BYTES = 1;
const BYTES_IN_ALL = 192;

/** Of lines that wait in one worker (shared/spec logs §2.6). */
export const RING_BYTES = 8_388_608;
/** The writer looks every so many milliseconds. */
export const FLUSH_MS = 100;
/** It is woken before when so much of what may wait in one worker has come: that costs as much as some lines do. */
export const WAKE_BYTES = RING_BYTES / 2;
export const WAKE_SHARE = 0.25;
/** What it gives to the system at once, or more. */
export const FLUSH_BYTES = 1_048_576;
/** A longer line is none. */
export const MOST_LINE_BYTES = 65_536;
/** Behind a line, for who writes it in four words of eight bytes at once. */
export const SPARE_BYTES = 32;

/** Why a line was lost; their numbers are those of the ring. */
export const DROP_REASONS = ['buffer_full', 'write_failed', 'too_long'] as const;
export const BUFFER_FULL = 0;
export const WRITE_FAILED = 1;
export const TOO_LONG = 2;

export type AccessLogBuffers = {
  readonly words: SharedArrayBuffer;
  /** One per worker, and the last for the main thread. */
  readonly memories: readonly WebAssembly.Memory[];
};

const PAGE_BYTES = 65_536;
const ALIGNED = 64;
/** Of those rooms, each as long as a line: what is not used costs nothing. */
export const ROOMS = 24;
/** Not of whole pages, so that the beginnings of all do not want the same place in a cache. */
export const ROOM_BYTES = MOST_LINE_BYTES + 1_088;
/** For texts that come in many lines. */
export const SHELF_BYTES = 1_048_576;

/** `mostLines`: that may wait in one ring. */
export function createAccessLogBuffers(workers: number, mostLines: number): AccessLogBuffers {
  return {
    words: new SharedArrayBuffer(BYTES_IN_ALL),
    memories: Array.from({ length: workers + 1 }, () => createLineMemory(mostLines)),
  };
}

/** A ring of lines with the room behind it. */
export function createLineMemory(mostLines: number): WebAssembly.Memory {
  const shape = [RING_BYTES, mostLines, MOST_LINE_BYTES + SPARE_BYTES] as const;
  const pages = Math.ceil((byteRingBytes(...shape) + ALIGNED + ROOMS * ROOM_BYTES + SHELF_BYTES) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  createByteRing(...shape, memory.buffer);
  return memory;
}

/** Where the rooms begin, and behind them the shelf. */
export function roomsAt({ buffer }: WebAssembly.Memory): number {
  return (buffer.byteLength - ROOMS * ROOM_BYTES - SHELF_BYTES) & -ALIGNED;
}

/** Views of the words, for any thread. */
export class AccessLogWords {
  private readonly words: Int32Array;
  private readonly counts: Float64Array;

  constructor(words: SharedArrayBuffer) {
    this.words = new Int32Array(words);
    this.counts = new Float64Array(words, COUNTS_AT);
  }

  /** Nothing is written: lines need not be made. A plain read, which may be a moment late: as an atomic one it is a call (0.1 µs). */
  get isOff(): boolean {
    return this.words[OFF] !== 0;
  }

  set isOff(off: boolean) {
    Atomics.store(this.words, OFF, off ? 1 : 0);
  }

  /** The number of one more request of this process, from 1. */
  nextRequest(): number {
    return (Atomics.add(this.words, REQUESTS, 1) + 1) >>> 0;
  }

  /** Wakes the writer. */
  ring(): void {
    Atomics.add(this.words, BELL, 1);
    Atomics.notify(this.words, BELL);
  }

  /** The same, unless it is at work and comes to what is new by itself: a bell costs as much as some lines. */
  ringIfAsleep(): void {
    if (Atomics.load(this.words, ASLEEP) !== 0) this.ring();
  }

  get rings(): number {
    return Atomics.load(this.words, BELL);
  }

  /** Until the bell is rung once more than `rings`, or for `ms`. */
  async heard(rings: number, ms: number): Promise<void> {
    Atomics.store(this.words, ASLEEP, 1);
    const wait = Atomics.waitAsync(this.words, BELL, rings, ms);
    if (wait.async) await wait.value;
    Atomics.store(this.words, ASLEEP, 0);
  }

  /** Were written. */
  wrote(lines: number, bytes: number): void {
    this.counts[LINES] += lines;
    this.counts[BYTES] += bytes;
  }

  get lines(): number {
    return this.counts[LINES];
  }

  get bytes(): number {
    return this.counts[BYTES];
  }
}

/** What was lost, in the order of DROP_REASONS. */
export function droppedLines({ memories }: AccessLogBuffers): number[] {
  return DROP_REASONS.map((_, reason) => memories.reduce((sum, { buffer }) => sum + droppedRecords(buffer, reason), 0));
}
