/**
 * How long the servers of a backend, and the requests of a frontend, may take (shared/spec frontend-options §3.4). Times that
 * are not given are those of the flags; what is no duration is as if it were not given.
 */
import { parseDuration, timerSpan } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** Milliseconds; 0: for ever; null: not given. */
type Given = number | null;

export type BackendTimeouts = {
  /** From the dial to a connection that takes a request, TLS included. */
  readonly connectMs: Given;
  /** From the end of the request to the head of the response. */
  readonly responseHeaderMs: Given;
  /** In which a byte of the response's body must come, as long as its client takes them. */
  readonly idleMs: Given;
  /** The same for event streams and gRPC, and for tunnels, where bytes of either side count. */
  readonly tunnelMs: Given;
  /** How long a connection without a request is kept. */
  readonly keepAliveMs: Given;
};

export type RequestTimeouts = {
  /** From the head of the request to the end of the response, all tries included. */
  readonly totalMs: Given;
  /** In which some of the request's body must come. */
  readonly bodyMs: Given;
};

function readTimeout(keys: OptionKeys, key: string): Given {
  const text = keys.text(key);
  if (text === '') return null;
  const ms = parseDuration(text);
  if (ms === null) keys.defaulted(key, `${quoted(text)} is no duration; it is as if it were not given`);
  return ms === null ? null : timerSpan(ms);
}

function shown(timeouts: Readonly<Record<string, Given>>): object {
  return Object.fromEntries(Object.entries(timeouts).filter(([, ms]) => ms !== null));
}

function given<Timeouts extends Readonly<Record<string, Given>>>(timeouts: Timeouts): Timeouts | null {
  return Object.values(timeouts).every((ms) => ms === null) ? null : timeouts;
}

export const BACKEND_TIMEOUTS: Kind<BackendTimeouts> = {
  name: 'timeouts',
  keys: ['connect', 'responseheader', 'idle', 'tunnel', 'keepalive'].map((part) => `timeouts/${part}`),

  parse(keys) {
    return given({
      connectMs: readTimeout(keys, 'timeouts/connect'),
      responseHeaderMs: readTimeout(keys, 'timeouts/responseheader'),
      idleMs: readTimeout(keys, 'timeouts/idle'),
      tunnelMs: readTimeout(keys, 'timeouts/tunnel'),
      keepAliveMs: readTimeout(keys, 'timeouts/keepalive'),
    });
  },

  show: shown,
};

export const REQUEST_TIMEOUTS: Kind<RequestTimeouts> = {
  name: 'requestTimeouts',
  keys: ['timeouts/total', 'timeouts/requestbody'],

  parse(keys) {
    return given({
      totalMs: readTimeout(keys, 'timeouts/total'),
      bodyMs: readTimeout(keys, 'timeouts/requestbody'),
    });
  },

  show: shown,
};
