/** Which answers of a backend's servers are tried again, and how often (shared/spec frontend-options §3.8). */
import { timerSpan } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';
import { readStatusRanges, type StatusRange } from './status-ranges.ts';

export type RetryOptions = {
  /** Tries in all, the first included; 0: as many as there are servers; null: as `--retry.attempts` says. */
  readonly attempts: number | null;
  readonly status: readonly StatusRange[];
  /** Before the second try; later ones wait longer. 0: none waits. */
  readonly initialIntervalMs: number;
  /** After which no try begins; 0: none. */
  readonly timeoutMs: number;
  /** A request with a longer body is not tried again for its status. */
  readonly maxRequestBodyBytes: number;
  readonly retryNonIdempotentMethod: boolean;
  readonly disableRetryOnNetworkError: boolean;
};

const DEFAULT_BODY = 65_536;

/** The statuses that `key` lists; without those that are none, of which a problem tells. `effect`: what that means. */
export function readStatuses(keys: OptionKeys, key: string, effect: string): readonly StatusRange[] {
  return keys.list(key).flatMap((item) => {
    const ranges = readStatusRanges([item]);
    if (typeof ranges !== 'string') return ranges;
    keys.ignored(key, `${ranges}; ${effect}`);
    return [];
  });
}

/** What `key` says in bytes. */
export function readBytes(keys: OptionKeys, key: string, fallback: number): number {
  const bytes = keys.int(key, fallback);
  if (bytes >= 0) return bytes;
  keys.defaulted(key, `${bytes} is below 0; ${fallback} is used`);
  return fallback;
}

function readDuration(keys: OptionKeys, key: string): number {
  const ms = keys.duration(key, 0);
  if (ms === null) keys.defaulted(key, `${quoted(keys.text(key))} is no duration; 0 is used`);
  return timerSpan(ms ?? 0);
}

function readAttempts(keys: OptionKeys): number | null {
  if (keys.text('retry/attempts') === '') return null;
  const attempts = keys.int('retry/attempts', Number.NaN);
  if (attempts >= 0) return attempts;
  if (attempts < 0) keys.defaulted('retry/attempts', `${attempts} is below 0; --retry.attempts is used`);
  return null;
}

export const RETRY: Kind<RetryOptions> = {
  name: 'retry',
  keys: [
    'retry/status/*',
    ...[
      'attempts',
      'status',
      'initialinterval',
      'timeout',
      'maxrequestbodybytes',
      'retrynonidempotentmethod',
      'disableretryonnetworkerror',
    ].map((part) => `retry/${part}`),
  ],

  parse(keys) {
    return {
      attempts: readAttempts(keys),
      status: readStatuses(keys, 'retry/status', 'it is not tried again'),
      initialIntervalMs: readDuration(keys, 'retry/initialinterval'),
      timeoutMs: readDuration(keys, 'retry/timeout'),
      maxRequestBodyBytes: readBytes(keys, 'retry/maxrequestbodybytes', DEFAULT_BODY),
      retryNonIdempotentMethod: keys.flag('retry/retrynonidempotentmethod'),
      disableRetryOnNetworkError: keys.flag('retry/disableretryonnetworkerror'),
    };
  },

  show(options) {
    const { attempts, initialIntervalMs, timeoutMs, maxRequestBodyBytes } = options;
    return {
      ...(attempts !== null && { attempts }),
      ...shownStatuses(options),
      ...(initialIntervalMs > 0 && { initialIntervalMs }),
      ...(timeoutMs > 0 && { timeoutMs }),
      maxRequestBodyBytes,
      ...(options.retryNonIdempotentMethod && { retryNonIdempotentMethod: true }),
      ...(options.disableRetryOnNetworkError && { disableRetryOnNetworkError: true }),
    };
  },
};

/** As they are written. */
export function shownStatuses({ status }: { readonly status: readonly StatusRange[] }): object {
  if (status.length === 0) return {};
  return { status: status.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)) };
}
