/** Requests that wait for a slot of their backend's `maxconn` (shared/spec frontend-options §2.8, §3.4). */
import { timerSpan } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';

export type QueueOptions = {
  /** Requests that may wait, of all workers together; at least 1. */
  readonly places: number;
  /** Above 0. */
  readonly timeoutMs: number;
};

const PLACES = 'maxconn/queue';
const TIMEOUT = 'timeouts/queue';
/** Each costs a few KiB while it waits, and its connection. */
const MAX_PLACES = 100_000;

export const QUEUE: Kind<QueueOptions> = {
  name: 'queue',
  keys: [PLACES, TIMEOUT],

  parse(keys) {
    const places = keys.int(PLACES, 0);
    const timeoutMs = keys.duration(TIMEOUT, 0);
    if (timeoutMs === null) keys.defaulted(TIMEOUT, `${quoted(keys.text(TIMEOUT))} is no duration; nothing waits`);
    else if (places < 0 || places > MAX_PLACES)
      keys.defaulted(PLACES, `${places} is not from 0 to ${MAX_PLACES}; nothing waits`);
    else if (places > 0 && timeoutMs > 0) return { places, timeoutMs: timerSpan(timeoutMs) };
    else if (places > 0) keys.ignored(PLACES, `nothing waits without ${TIMEOUT}`);
    else if (timeoutMs > 0) keys.ignored(TIMEOUT, `nothing waits without ${PLACES}`);
    return null;
  },

  show: ({ places, timeoutMs }) => ({ places, timeoutMs }),
};
