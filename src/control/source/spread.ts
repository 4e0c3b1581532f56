/** When a node that has routes reads all keys of a store anew: not at the same moment as all others that have lost it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';

/** A store of 300 000 keys, some 30 MB, is read by its nodes within ten seconds; one of a thousand as good as at once. */
const KEYS_PER_MS = 30;
const LONGEST_MS = 10_000;

/** Milliseconds for a store of so many keys. `random` gives numbers in [0, 1). */
export function spreadMs(keys: number, random: () => number = Math.random): number {
  return random() * Math.min(LONGEST_MS, keys / KEYS_PER_MS);
}

/** Waits for them. Rejects when `signal` is aborted. */
export async function spread(keys: number, signal: AbortSignal): Promise<void> {
  const ms = timerSpan(spreadMs(keys));
  if (ms > 0) await sleep(timerSpan(ms), undefined, { signal });
}
