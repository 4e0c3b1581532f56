/** What a load generator is told and what it hands back; the first travels as JSON in an argument, the second on stdout. */
import type { LatencyPairs } from '../histogram.ts';

export type LoadPlan = {
  readonly port: number;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Whole seconds. */
  readonly seconds: number;
  /** Bytes of a request body sent by POST; 0 for GET. */
  readonly bodyBytes: number;
  /** Requests per second; 0 for as many as come back. */
  readonly rate: number;
  /** Above 0: `NUMBER` in the path or a field stands for one of 0 … routes - 1, another with every request. */
  readonly routes?: number;
  /** Requests that a connection has under way at once; 1 where it is not said. */
  readonly pipelining?: number;
  /** By TLS: wrk, and idle connections. */
  readonly secure?: boolean;
};

/** The numbers of routes are written with so many digits, so that all requests are equally long. */
export const NUMBER_DIGITS = 6;

export type LoadResult = {
  readonly requests: number;
  readonly microseconds: number;
  /** Failed connections, timeouts and statuses other than success. */
  readonly errors: number;
  readonly latencies: LatencyPairs;
};

/** The plan of a generator that runs as our own child process. */
export function planFromArguments<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null') as T;
}

/** Microseconds → count, for generators that record one by one. */
export class LatencyCounter {
  readonly #counts = new Map<number, number>();

  record(microseconds: number): void {
    const rounded = Math.max(1, Math.round(microseconds));
    this.#counts.set(rounded, (this.#counts.get(rounded) ?? 0) + 1);
  }

  pairs(): LatencyPairs {
    return [...this.#counts].sort((a, b) => a[0] - b[0]);
  }
}
