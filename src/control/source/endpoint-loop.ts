/** Follows a store that has several endpoints: one at a time, the next one after a failure, with growing waits. */

import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { BACKOFF_LONGEST_MS, Backoff } from './backoff.ts';

/** After so many milliseconds without an answer an endpoint has failed. */
export const ENDPOINT_DEADLINE_MS = 5_000;

/**
 * Follows the store through one endpoint. Rejects when that fails. Resolves with the milliseconds after which to try
 * the next endpoint, or with null when there is nothing left to do.
 */
export type Follow = (endpoint: string) => Promise<number | null>;

/** Which endpoint has answered last, for all who follow the same store: one that hangs costs its time once, not each of them. */
export class EndpointMemory {
  #last = '';

  answered(endpoint: string): void {
    this.#last = endpoint;
  }

  /** Where to begin. */
  startIn(endpoints: readonly string[]): number {
    return Math.max(0, endpoints.indexOf(this.#last));
  }
}

/** Resolves when `signal` is aborted and the running `follow` has ended. Never rejects. */
export async function followEndpoints(
  endpoints: readonly string[],
  memory: EndpointMemory,
  signal: AbortSignal,
  follow: Follow,
  failed: (endpoint: string, error: unknown) => void,
): Promise<void> {
  const backoff = new Backoff();
  for (let turn = memory.startIn(endpoints); !signal.aborted; turn++) {
    const endpoint = endpoints[turn % endpoints.length];
    const startedAt = performance.now();
    let waitMs: number;
    try {
      const wanted = await follow(endpoint);
      if (wanted === null) return;
      waitMs = wanted;
    } catch (error) {
      if (signal.aborted) return;
      // Only a stretch longer than the longest wait shows that the endpoint is well again.
      if (performance.now() - startedAt > BACKOFF_LONGEST_MS) backoff.reset();
      failed(endpoint, error);
      waitMs = backoff.next();
    }
    await sleep(timerSpan(waitMs), undefined, { signal }).catch(() => undefined);
  }
}
