/**
 * What compression takes of one worker: its loop, the thread pool, memory. When there is too much of it responses are
 * compressed less well, and then not at all (shared/spec frontend-options §3.10).
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import type { Coding } from '../../kernel/codings.ts';
import { encodeAtOnce, encoderBytes } from './encoder.ts';

/** Of each turn of the loop; one encoding more may begin while half of it is left. */
const TURN_MS = 1;
/** Encoders that work, or wait for a thread: with so many, what comes is compressed as fast as can be. */
const MOST_JOBS = 64;
const FASTEST_GZIP = 1;
/** All encoders together. */
const MOST_BYTES = 64 * 1_024 * 1_024;

/** How a response is compressed. */
export type Encoding = { readonly coding: Coding; readonly level: number };

export class CompressionLoad {
  /** Encoders that have something to do, and whose output is taken. */
  jobs = 0;
  /** What those that are open take, bytes. */
  bytes = 0;
  private spentMs = 0;
  private readonly turnEnded = (): void => {
    this.spentMs = 0;
  };

  /** This turn of the loop has time for another encoding. */
  get hasTime(): boolean {
    return this.spentMs < TURN_MS / 2;
  }

  encode({ coding, level }: Encoding, body: Uint8Array | string): Buffer {
    const before = performance.now();
    const encoded = encodeAtOnce(coding, level, body);
    if (this.spentMs === 0) setImmediate(this.turnEnded);
    this.spentMs += performance.now() - before;
    return encoded;
  }

  /** How one more response is compressed in the pool; null: not at all. `codings`: what its client takes, the best first. */
  choose(codings: readonly Coding[], levels: Readonly<Record<Coding, number>>): Encoding | null {
    let coding = codings[0];
    let level = levels[coding];
    if (this.jobs >= MOST_JOBS) {
      if (this.jobs >= 2 * MOST_JOBS || !codings.includes('gzip')) return null;
      coding = 'gzip';
      level = FASTEST_GZIP;
    }
    return this.bytes + encoderBytes(coding, level) <= MOST_BYTES ? { coding, level } : null;
  }
}
