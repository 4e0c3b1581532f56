/** The keys that say which server of a backend gets a request (shared/spec kv-schema §3.1, §4.1, §4.2, and ours). */
import { createHash } from 'node:crypto';
import { METHODS, type Method, parseHashSource, type StickyOptions } from '../kernel/balancing-options.ts';
import { parseDuration } from '../kernel/durations.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readBool, readInt } from '../kernel/values.ts';

export type BalancingText =
  | 'method'
  | 'hashKey'
  | 'hashBound'
  | 'sticky'
  | 'stickiness'
  | 'cookieName'
  | 'cookieSecure'
  | 'cookieHttpOnly'
  | 'cookieSameSite'
  | 'slowStart'
  | 'ejectionFailures';

/** Values by field; a key that is not there has none. */
export type BalancingKeys = Partial<Record<BalancingText, string>>;

export type Stickiness = StickyOptions & {
  /** As configured, '' for a derived name. */
  readonly cookieName: string;
  /** Asked for by the older key `loadbalancer/sticky`. */
  readonly deprecated: boolean;
};

export type Balancing = {
  readonly method: Method;
  /** Of `hash` alone: what it looks at, and the percentage of its share that a server takes at most; 0: no bound. */
  readonly hash?: { readonly key: string; readonly bound: number };
  /** Absent: not sticky. */
  readonly sticky?: Stickiness;
  /** Time in which a new or returned server comes to its full weight, milliseconds. Absent: at once. */
  readonly slowStartMs?: number;
  /** Failed tries in a row that eject a server; 0: never; absent: as `--ejection.failures` says. */
  readonly ejectionFailures?: number;
};

const DEFAULT_HASH_KEY = 'client.ip';
const DEFAULT_HASH_BOUND = 125;
const OLD_COOKIE = '_TRAEFIK_BACKEND';
const SAME_SITES = ['none', 'lax', 'strict'] as const;
const LONGEST_SLOW_START_MS = 86_400_000;
const MOST_FAILURES = 1_000_000;

/** The name of a backend's cookie when no key names it. */
export function derivedCookieName(backend: string): string {
  return `_${createHash('sha1').update(`${OLD_COOKIE}_${backend}`).digest('hex').slice(0, 5)}`;
}

/** What no cookie name may have becomes `_`. */
export function safeCookieName(name: string): string {
  return name.replace(/[^A-Za-z0-9!#$%&'*+\-.^`|~]/gu, '_');
}

function readFlag(key: string, text: string | undefined, problems: ProblemList): boolean {
  const { value, problem } = readBool(text ?? '', false);
  if (problem !== '') problems.add(key, 'defaulted', problem);
  return value;
}

function readMethod(text: string, problems: ProblemList): Method {
  const wanted = text.toLowerCase();
  const method = METHODS.find((known) => known === wanted);
  if (method !== undefined) return method;
  if (text !== '') {
    const known = METHODS.join(', ');
    problems.add('loadbalancer/method', 'defaulted', `${quoted(text)} is none of ${known}; wrr is used`);
  }
  return 'wrr';
}

function readHashKey(text: string, problems: ProblemList): string {
  if (text === '') return DEFAULT_HASH_KEY;
  if (parseHashSource(text) !== null) return text;
  const known = 'client.ip, request.host, request.uri, request.path, request.header.<Name>, request.cookie.<Name>';
  const reason = `${quoted(text)} is none of ${known}; ${DEFAULT_HASH_KEY} is used`;
  problems.add('loadbalancer/hash/key', 'defaulted', reason);
  return DEFAULT_HASH_KEY;
}

function readHashBound(text: string, problems: ProblemList): number {
  const { value, problem } = readInt(text, DEFAULT_HASH_BOUND);
  if (problem === '' && (value === 0 || (value > 100 && value <= 100_000))) return value;
  const reason = problem === '' ? `${value} is neither 0 nor between 101 and 100000` : problem;
  problems.add('loadbalancer/hash/bound', 'defaulted', `${reason}; ${DEFAULT_HASH_BOUND} is used`);
  return DEFAULT_HASH_BOUND;
}

function readHash(keys: BalancingKeys, problems: ProblemList): { key: string; bound: number } {
  return {
    key: readHashKey(unescapeValue(keys.hashKey ?? ''), problems),
    bound: readHashBound(keys.hashBound ?? '', problems),
  };
}

function readSameSite(text: string, problems: ProblemList): StickyOptions['sameSite'] {
  const sameSite = SAME_SITES.find((known) => known === text);
  if (sameSite !== undefined || text === '') return sameSite ?? '';
  const reason = `${quoted(text)} is none of ${SAME_SITES.join(', ')}; the attribute is left out`;
  problems.add('loadbalancer/stickiness/samesite', 'defaulted', reason);
  return '';
}

function readSticky(backend: string, keys: BalancingKeys, problems: ProblemList): Stickiness | null {
  const { cookieName, cookieSecure, cookieHttpOnly, cookieSameSite } = keys;
  // In etcd v2 `stickiness` is either a value or a folder, so its children alone must do (Traefik ignores them).
  const children = [cookieName, cookieSecure, cookieHttpOnly, cookieSameSite].some((text) => text !== undefined);
  const wanted =
    keys.stickiness === undefined ? children : readFlag('loadbalancer/stickiness', keys.stickiness, problems);
  const old = readFlag('loadbalancer/sticky', keys.sticky, problems);
  if (!wanted && !old) return null;
  if (!wanted) {
    return {
      cookie: OLD_COOKIE,
      cookieName: OLD_COOKIE,
      secure: false,
      httpOnly: false,
      sameSite: '',
      deprecated: true,
    };
  }
  const name = unescapeValue(cookieName ?? '');
  return {
    cookie: name === '' ? derivedCookieName(backend) : safeCookieName(name),
    cookieName: name,
    secure: readFlag('loadbalancer/stickiness/secure', cookieSecure, problems),
    httpOnly: readFlag('loadbalancer/stickiness/httponly', cookieHttpOnly, problems),
    sameSite: readSameSite(cookieSameSite ?? '', problems),
    deprecated: false,
  };
}

function readSlowStart(text: string, problems: ProblemList): number {
  if (text === '') return 0;
  const ms = parseDuration(text);
  if (ms !== null && ms <= LONGEST_SLOW_START_MS) return ms;
  const reason = ms === null ? `${quoted(text)} is no duration, such as 30s` : `${text} is longer than a day`;
  problems.add('slowstart', 'defaulted', `${reason}; new servers get their full share at once`);
  return 0;
}

function readFailures(text: string | undefined, problems: ProblemList): number | null {
  if (text === undefined || text === '') return null;
  const { value, problem } = readInt(text, 0);
  if (problem === '' && value >= 0 && value <= MOST_FAILURES) return value;
  const reason = problem === '' ? `${value} is not between 0 and ${MOST_FAILURES}` : `${quoted(text)} is no number`;
  problems.add('ejection/failures', 'defaulted', `${reason}; the flag's value is used`);
  return null;
}

export function readBalancing(backend: string, keys: BalancingKeys, problems: ProblemList): Balancing {
  const method = readMethod(unescapeValue(keys.method ?? ''), problems);
  const sticky = readSticky(backend, keys, problems);
  const slowStartMs = readSlowStart(keys.slowStart ?? '', problems);
  const ejectionFailures = readFailures(keys.ejectionFailures, problems);
  return {
    method,
    ...(method === 'hash' ? { hash: readHash(keys, problems) } : {}),
    ...(sticky === null ? {} : { sticky }),
    ...(slowStartMs === 0 ? {} : { slowStartMs }),
    ...(ejectionFailures === null ? {} : { ejectionFailures }),
  };
}
