/** The keys of a backend's health check (shared/spec kv-schema §3.1, §4.5, and ours). */
import { parseDuration } from '../kernel/durations.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readBool, readInt } from '../kernel/values.ts';

const TEXTS = [
  'healthPath',
  'healthScheme',
  'healthPort',
  'healthInterval',
  'healthHostname',
  'healthTimeout',
  'healthRise',
  'healthFall',
  'healthStartDown',
] as const;
export type HealthText = (typeof TEXTS)[number];

export function isHealth(field: string): field is HealthText {
  return (TEXTS as readonly string[]).includes(field);
}

/** Values by field; a key that is not there has none. */
export type HealthKeys = Partial<Record<HealthText, string>> & { readonly headers: Map<string, string> };

export type HealthCheck = {
  /** Relative to the URL of a server. */
  readonly path: string;
  /** '': that of the server. */
  readonly scheme: '' | 'http' | 'https' | 'h2c';
  /** 0: that of the server. */
  readonly port: number;
  /** As configured, '' when `--healthCheck.interval` counts. */
  readonly interval: string;
  readonly intervalMs: number;
  /** Value of the Host field, '': that of the server. */
  readonly hostname: string;
  /** In canonical form, by name. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** For the whole of a check, redirects included. */
  readonly timeoutMs: number;
  /** Good checks in a row that bring a server up, bad ones that take it down. */
  readonly rise: number;
  readonly fall: number;
  /** A new server gets no request before its first good check. */
  readonly startDown: boolean;
};

export const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 5000;
const LONGEST_MS = 86_400_000;
const MOST_CHECKS = 1000;
const SCHEMES = ['http', 'https', 'h2c'] as const;
const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** No control characters but the tab (RFC 9110 §5.5), and nothing that is no byte. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Go's durations only: a unit is needed (kv-schema §2.7). null when it is none, or none that makes sense here. */
function readSpan(text: string): number | null {
  const ms = /^[0-9]*$/.test(text) ? null : parseDuration(text);
  return ms === null || ms < 1 || ms > LONGEST_MS ? null : ms;
}

function readInterval(
  text: string,
  flagMs: number,
  problems: ProblemList,
): Pick<HealthCheck, 'interval' | 'intervalMs'> {
  const ms = readSpan(text);
  if (ms !== null) return { interval: text, intervalMs: ms };
  if (text !== '') {
    const reason = `${quoted(text)} is no duration with a unit, such as 10s, from 1ms to 24h`;
    problems.add('healthcheck/interval', 'defaulted', `${reason}; --healthCheck.interval counts`);
  }
  return { interval: '', intervalMs: flagMs };
}

function readTimeout(text: string, problems: ProblemList): number {
  if (text === '') return DEFAULT_TIMEOUT_MS;
  const ms = readSpan(text);
  if (ms !== null) return ms;
  const reason = `${quoted(text)} is no duration with a unit, such as 2s, from 1ms to 24h; 5s counts`;
  problems.add('healthcheck/timeout', 'defaulted', reason);
  return DEFAULT_TIMEOUT_MS;
}

function readScheme(text: string, problems: ProblemList): HealthCheck['scheme'] {
  const scheme = SCHEMES.find((known) => known === text.toLowerCase());
  if (scheme !== undefined || text === '') return scheme ?? '';
  const reason = `${quoted(text)} is none of ${SCHEMES.join(', ')}; that of the server is used`;
  problems.add('healthcheck/scheme', 'defaulted', reason);
  return '';
}

function readPort(text: string, problems: ProblemList): number {
  const { value, problem } = readInt(text, 0);
  if (problem === '' && value >= 0 && value <= 65_535) return value;
  problems.add('healthcheck/port', 'defaulted', `${quoted(text)} is no port; that of the server is used`);
  return 0;
}

function readCount(key: string, text: string, problems: ProblemList): number {
  const { value, problem } = readInt(text, 1);
  if (problem === '' && value >= 1 && value <= MOST_CHECKS) return value;
  problems.add(key, 'defaulted', `${quoted(text)} is not between 1 and ${MOST_CHECKS}; 1 is used`);
  return 1;
}

function readStartDown(text: string, problems: ProblemList): boolean {
  const { value, problem } = readBool(text, false);
  if (problem !== '') problems.add('healthcheck/startdown', 'defaulted', problem);
  return value;
}

/** The value is not quoted: it may be what lets a check in. */
function isFieldValue(key: string, value: string, problems: ProblemList): boolean {
  if (FIELD_VALUE.test(value)) return true;
  problems.add(key, 'rejected', 'the value cannot stand in a header field; it is left out');
  return false;
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Of two spellings of a name the later one in order of bytes wins (kv-schema §2.5). */
function readHeaders(headers: ReadonlyMap<string, string>, problems: ProblemList): HealthCheck['headers'] {
  const read = new Map<string, string>();
  for (const name of [...headers.keys()].sort()) {
    const key = `healthcheck/headers/${name}`;
    const value = unescapeValue(headers.get(name)!);
    if (!FIELD_NAME.test(name)) problems.add(key, 'rejected', `${quoted(name)} is no name of a header field`);
    else if (isFieldValue(key, value, problems)) read.set(canonical(name), value);
  }
  return [...read].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `flagMs`: of `--healthCheck.interval`. Nothing without a path. */
export function readHealthCheck(
  keys: HealthKeys,
  flagMs: number,
  problems: ProblemList,
): { readonly healthCheck?: HealthCheck } {
  const path = unescapeValue(keys.healthPath ?? '');
  if (path === '') {
    const others = Object.keys(keys).length > 1 || keys.headers.size > 0;
    if (others && keys.healthPath === undefined) {
      problems.add('healthcheck/path', 'ignored', 'without it the other keys of healthcheck do nothing');
    }
    return {};
  }
  if (!URL.canParse(path, 'http://server/')) {
    problems.add('healthcheck/path', 'rejected', `${quoted(path)} is no path; servers are not checked`);
    return {};
  }
  const hostname = unescapeValue(keys.healthHostname ?? '');
  return {
    healthCheck: {
      path,
      scheme: readScheme(unescapeValue(keys.healthScheme ?? ''), problems),
      port: readPort(keys.healthPort ?? '', problems),
      ...readInterval(unescapeValue(keys.healthInterval ?? ''), flagMs, problems),
      hostname: isFieldValue('healthcheck/hostname', hostname, problems) ? hostname : '',
      headers: readHeaders(keys.headers, problems),
      timeoutMs: readTimeout(unescapeValue(keys.healthTimeout ?? ''), problems),
      rise: readCount('healthcheck/rise', keys.healthRise ?? '', problems),
      fall: readCount('healthcheck/fall', keys.healthFall ?? '', problems),
      startDown: readStartDown(keys.healthStartDown ?? '', problems),
    },
  };
}
