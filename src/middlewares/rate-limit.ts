/** How often a source may ask a frontend (shared/spec kv-schema §6.10, frontend-options §2.5, §3.13). */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import { KNOWN_SOURCES, parseRequestSource, type RequestSource } from '../kernel/request-source.ts';
import { type Kind, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

export type RateOptions = {
  readonly name: string;
  readonly periodMs: number;
  /** Requests per period. */
  readonly average: number;
  readonly burst: number;
};

export type RateLimitOptions = RequestSource & {
  readonly extractorFunc: string;
  /** One per period, at most MAX_RATES. */
  readonly rates: readonly RateOptions[];
  /** The client is the last address of X-Forwarded-For that is no trusted peer. */
  readonly useXForwardedFor: boolean;
  /** Bits of an IPv6 address that make a client. */
  readonly ipv6Prefix: number;
  /** The limit is divided over the live nodes, each of which has so many times its share; 0: it is not. */
  readonly clusterFactor: number;
};

/** As many as a bucket of src/shared/rate-buckets.ts has room for. */
const MAX_RATES = 8;
const FACTOR = /^\d{1,9}(?:\.\d{0,9})?$/;

/** null: it is left out, and a problem says why; REJECTED: with the whole frontend. */
function readRate(keys: OptionKeys, name: string): RateOptions | null | typeof REJECTED {
  const below = `ratelimit/rateset/${name}`;
  const period = keys.text(`${below}/period`);
  if (period === '') {
    keys.ignored(`${below}/period`, 'a rate without a period is none');
    return null;
  }
  const periodMs = parseDuration(period);
  if (periodMs === null || periodMs <= 0) {
    keys.rejected(`${below}/period`, `${quoted(period)} is no duration above 0`);
    return REJECTED;
  }
  const average = keys.int(`${below}/average`, 0);
  const burst = keys.int(`${below}/burst`, 0);
  if (average > 0 && burst > 0) return { name, periodMs, average, burst };
  const key = average > 0 ? 'burst' : 'average';
  keys.rejected(`${below}/${key}`, 'it must be above 0: nobody could ask at all');
  return REJECTED;
}

function readPrefix(keys: OptionKeys): number | null {
  const bits = keys.int('ratelimit/ipv6prefix', 64);
  if (bits >= 1 && bits <= 128) return bits;
  keys.rejected('ratelimit/ipv6prefix', `${bits} is not from 1 to 128`);
  return null;
}

/** 0: the limit is not divided; null: a bad factor. */
function readClusterFactor(keys: OptionKeys): number | null {
  const isCluster = keys.flag('ratelimit/cluster');
  const text = keys.text('ratelimit/clusterfactor');
  const factor = text === '' ? 1 : FACTOR.test(text) ? Number(text) : 0;
  if (factor < 1) {
    keys.rejected('ratelimit/clusterfactor', `${quoted(text)} is no number of at least 1`);
    return null;
  }
  if (!isCluster && text !== '') keys.ignored('ratelimit/clusterfactor', 'it means nothing without ratelimit/cluster');
  return isCluster ? factor : 0;
}

export const RATE_LIMIT: Kind<RateLimitOptions> = {
  name: 'ratelimit',
  protects: ['ratelimit'],
  keys: [
    'ratelimit/extractorfunc',
    'ratelimit/usexforwardedfor',
    'ratelimit/ipv6prefix',
    'ratelimit/cluster',
    'ratelimit/clusterfactor',
    ...['period', 'average', 'burst'].map((part) => `ratelimit/rateset/*/${part}`),
  ],

  parse(keys) {
    const extractorFunc = keys.text('ratelimit/extractorfunc');
    if (extractorFunc === '') {
      keys.ignored(
        'ratelimit/extractorfunc',
        `without it there is no limit, as in Traefik: write one of ${KNOWN_SOURCES}`,
      );
      return null;
    }
    const source = parseRequestSource(extractorFunc);
    if (source === null) {
      keys.rejected('ratelimit/extractorfunc', `${quoted(extractorFunc)} is none of ${KNOWN_SOURCES}`);
      return REJECTED;
    }
    const byPeriod = new Map<number, RateOptions>();
    for (const name of keys.names('ratelimit/rateset')) {
      const rate = readRate(keys, name);
      if (rate === REJECTED) return REJECTED;
      if (rate === null) continue;
      const twin = byPeriod.get(rate.periodMs);
      if (twin !== undefined) keys.ignored(`ratelimit/rateset/${twin.name}/period`, `${rate.name} has the same period`);
      byPeriod.set(rate.periodMs, rate);
    }
    if (byPeriod.size === 0) return null;
    if (byPeriod.size > MAX_RATES) {
      keys.rejected('ratelimit/rateset', `there are ${byPeriod.size} periods; a limit has room for ${MAX_RATES}`);
      return REJECTED;
    }
    const ipv6Prefix = readPrefix(keys);
    const clusterFactor = readClusterFactor(keys);
    if (ipv6Prefix === null || clusterFactor === null) return REJECTED;
    const useXForwardedFor = keys.flag('ratelimit/usexforwardedfor');
    return { ...source, extractorFunc, rates: [...byPeriod.values()], useXForwardedFor, ipv6Prefix, clusterFactor };
  },

  show({ extractorFunc, rates, clusterFactor }) {
    const rateset = Object.fromEntries(
      rates.map(({ name, periodMs, average, burst }) => [name, { period: Math.round(periodMs * 1e6), average, burst }]),
    );
    return { rateset, extractorFunc, ...(clusterFactor > 0 && { cluster: true, clusterFactor }) };
  },

  nodesKey({ clusterFactor }) {
    return clusterFactor > 0 ? 'ratelimit/cluster' : '';
  },
};
