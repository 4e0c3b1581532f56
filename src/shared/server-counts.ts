/**
 * What the tries of clients' requests came to, by server slot (slot-counts.ts).
 *
 *     0…5   tries by the class of their answer: 1xx … 5xx, none
 *     6     tries that failed
 *     7     sum of the times from a connection to the head of the answer, seconds
 *     8…14  those times by SERVER_BOUNDS, not cumulative
 */
import { bucketOf } from './slot-counts.ts';

export const SERVER_STRIDE = 16;
/** As the label `class`. */
export const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const;
const NONE = CLASSES.length - 1;
export const SERVER_FAILURES = 6;
export const SERVER_SECONDS = 7;
export const SERVER_BUCKETS = 8;
/** Upper bounds, seconds. */
export const SERVER_BOUNDS: readonly number[] = [0.005, 0.025, 0.1, 0.5, 2.5, 10];

/** The writing side. */
export class ServerCounts {
  private readonly doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.doubles = new Float64Array(buffer);
  }

  /** A try was answered with `status`, `seconds` after it had a connection. */
  answered(slot: number, status: number, seconds: number): void {
    const { doubles } = this;
    const at = slot * SERVER_STRIDE;
    doubles[at + (status >= 100 && status < 600 ? ((status / 100) | 0) - 1 : NONE)]++;
    doubles[at + SERVER_SECONDS] += seconds;
    doubles[at + SERVER_BUCKETS + bucketOf(SERVER_BOUNDS, seconds)]++;
  }

  /** A try ended without an answer. */
  unanswered(slot: number): void {
    this.doubles[slot * SERVER_STRIDE + NONE]++;
  }

  /** A try failed, before its answer or within it. */
  failed(slot: number): void {
    this.doubles[slot * SERVER_STRIDE + SERVER_FAILURES]++;
  }
}
