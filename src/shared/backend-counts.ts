/**
 * What the connections and the failed tries of a backend come to, by its slot (slot-counts.ts).
 *
 *     0 connects · 1 reuses · 2 closed idle by us · 3 closed idle by the server
 *     4 open · 5 idle of them          connections now; main sets them to 0 when their worker has ended
 *     6 sum of the times that connecting took, seconds
 *     7…    those times by CONNECT_BOUNDS, not cumulative
 *     …     dials that failed, by the place of their cause in CONNECT_CAUSES
 *     …     tries that failed, by the place of their cause in TRY_CAUSES
 */
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { bucketOf } from './slot-counts.ts';

export const CONNECTS = 0;
export const REUSES = 1;
export const CLOSED_BY_US = 2;
export const CLOSED_BY_SERVER = 3;
export const OPEN = 4;
export const IDLE = 5;
export const CONNECT_SECONDS = 6;
export const CONNECT_BUCKETS = 7;
/** Upper bounds, seconds. */
export const CONNECT_BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

function causesOf(faults: readonly Fault[]): readonly string[] {
  return [...new Set(faults.map(({ cause }) => cause))];
}

const { dnsFailed, connectRefused, connectTimeout, tlsFailed, noDescriptors, streamRefused } = FAULTS;
/** Why no connection comes about; the last one stands for all others. */
export const CONNECT_CAUSES: readonly string[] = [
  ...causesOf([dnsFailed, connectRefused, connectTimeout, tlsFailed, noDescriptors, streamRefused]),
  'internal',
];
/** Why a try fails; the last one stands for all others. */
export const TRY_CAUSES: readonly string[] = [
  ...causesOf([...Object.values(FAULTS).filter(({ source }) => source === 'upstream'), noDescriptors]),
  'internal',
];

export const CONNECT_FAILURES = CONNECT_BUCKETS + CONNECT_BOUNDS.length + 1;
export const TRY_FAILURES = CONNECT_FAILURES + CONNECT_CAUSES.length;
export const BACKEND_STRIDE = TRY_FAILURES + TRY_CAUSES.length;

function placeOf(causes: readonly string[], cause: string): number {
  const at = causes.indexOf(cause);
  return at < 0 ? causes.length - 1 : at;
}

/** The writing side. Slots below 0 stand in no backend, and are counted nowhere. */
export class BackendCounts {
  private readonly doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.doubles = new Float64Array(buffer);
  }

  /** A connection is being dialed. */
  opened(slot: number): void {
    this.add(slot, OPEN, 1);
  }

  /** It takes requests, `seconds` after it was dialed. */
  connected(slot: number, seconds: number): void {
    this.add(slot, CONNECTS, 1);
    this.add(slot, CONNECT_SECONDS, seconds);
    this.add(slot, CONNECT_BUCKETS + bucketOf(CONNECT_BOUNDS, seconds), 1);
  }

  dialFailed(slot: number, cause: string): void {
    this.add(slot, CONNECT_FAILURES + placeOf(CONNECT_CAUSES, cause), 1);
  }

  closed(slot: number): void {
    this.add(slot, OPEN, -1);
  }

  /** A request goes over a connection that had served before. */
  reused(slot: number): void {
    this.add(slot, REUSES, 1);
  }

  /** `change`: 1 when a connection begins to rest, -1 when it is taken or closed. */
  idle(slot: number, change: number): void {
    this.add(slot, IDLE, change);
  }

  /** A connection that rested was closed. */
  closedIdle(slot: number, byServer: boolean): void {
    this.add(slot, byServer ? CLOSED_BY_SERVER : CLOSED_BY_US, 1);
  }

  tryFailed(slot: number, cause: string): void {
    this.add(slot, TRY_FAILURES + placeOf(TRY_CAUSES, cause), 1);
  }

  private add(slot: number, what: number, change: number): void {
    if (slot >= 0) this.doubles[slot * BACKEND_STRIDE + what] += change;
  }
}

/** Main only: the worker of that buffer has ended, and its connections with it. `slots`: those below were ever given out. */
export function forgetConnections(doubles: Float64Array, slots: number): void {
  for (let slot = 0; slot < slots; slot++) {
    const at = slot * BACKEND_STRIDE;
    if (doubles[at + OPEN] !== 0) doubles[at + OPEN] = 0;
    if (doubles[at + IDLE] !== 0) doubles[at + IDLE] = 0;
  }
}
