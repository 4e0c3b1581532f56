/** The keys `auth/forward/…`: another server says who may ask (shared/spec kv-schema §6.6, frontend-options §2.3). */

import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import type { OwnTrust } from '../kernel/tls-trust.ts';
import { canonicalName, fieldNameProblem } from './header-keys.ts';
import { type Known, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';
import { readTlsTexts } from './tls-texts.ts';

export type ForwardAuthOptions = {
  /** As configured, without credentials. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  /** To connect to; an IPv6 literal has no brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as the URL has it. */
  readonly hostHeader: string;
  /** Path and query. */
  readonly target: string;
  readonly trustForwardHeader: boolean;
  /** Canonical names of fields that are taken over from its answer. */
  readonly authResponseHeaders: readonly string[];
  /** RE2, of further such names; '' for none. */
  readonly authResponseHeadersRegex: string;
  /** Lower-case names of the fields that it is sent; null: all. */
  readonly authRequestHeaders: readonly string[] | null;
  /** Names of cookies of its answer that the client gets. */
  readonly addAuthCookiesToResponse: readonly string[];
  readonly preserveLocationHeader: boolean;
  readonly timeoutMs: number;
  /** Of an answer that says no; a longer one is an error. */
  readonly maxResponseBodyBytes: number;
  /** Servers that are asked instead of the host of `address`; '' for none. */
  readonly backend: string;
  /** For how long a yes counts for the same credentials, milliseconds; 0: not at all. */
  readonly cacheMs: number;
  /** null: as for all servers. */
  readonly tls: OwnTrust | null;
};

const LISTS = ['authresponseheaders', '.authresponseheaders', 'authrequestheaders', 'addauthcookiestoresponse'];
const TEXTS = [
  'address',
  'trustforwardheader',
  'authresponseheadersregex',
  'preservelocationheader',
  'timeout',
  'maxresponsebodybytes',
  'backend',
  'cache',
  'tls/ca',
  'tls/caoptional',
  'tls/cert',
  'tls/key',
  'tls/insecureskipverify',
];

export const FORWARD_KEYS: readonly string[] = [
  ...LISTS.flatMap((name) => [`auth/forward/${name}`, `auth/forward/${name}/*`]),
  ...TEXTS.map((name) => `auth/forward/${name}`),
];

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_BODY = 1_048_576;

/** Fields that its answer has no say in. */
const NOT_TAKEN: ReadonlySet<string> = new Set(['Host', 'Content-Length']);

/** May a field of its answer go into the request? */
export function mayBeTaken(name: string): boolean {
  return fieldNameProblem(name) === '' && !NOT_TAKEN.has(canonicalName(name));
}

type Address = Pick<ForwardAuthOptions, 'address' | 'scheme' | 'host' | 'port' | 'hostHeader' | 'target'>;

function readAddress(keys: OptionKeys): Address | typeof REJECTED {
  const text = keys.text('auth/forward/address');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    const what = text === '' ? 'it is missing' : `${quoted(text.replace(/\/\/[^/@]*@/, '//'))} is no http or https URL`;
    keys.rejected('auth/forward/address', `${what}: nobody could be asked who may come in`);
    return REJECTED;
  }
  if (url.username !== '' || url.password !== '') {
    keys.warned('auth/forward/address', 'credentials in it are not sent: write them as a custom request header');
  }
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return {
    address: `${url.protocol}//${url.host}${url.pathname}${url.search}`,
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port),
    hostHeader: url.host,
    target: `${url.pathname}${url.search}`,
  };
}

function readTls(keys: OptionKeys, known: Known): OwnTrust | null | typeof REJECTED {
  const texts = readTlsTexts(keys, known, {
    ca: 'auth/forward/tls/ca',
    cert: 'auth/forward/tls/cert',
    key: 'auth/forward/tls/key',
  });
  const insecureSkipVerify = keys.flag('auth/forward/tls/insecureskipverify');
  if (texts === REJECTED) return REJECTED;
  return texts.ca + texts.cert === '' && !insecureSkipVerify ? null : { ...texts, serverName: '', insecureSkipVerify };
}

function readDuration(keys: OptionKeys, name: string, fallback: number, least: number): number {
  const key = `auth/forward/${name}`;
  const ms = keys.duration(key, fallback);
  if (ms !== null && ms >= least) return ms;
  keys.defaulted(key, `${quoted(keys.text(key))} is no such duration; the default is used`);
  return fallback;
}

/** Of a field that is misread the client's own would pass for that of the auth server. */
function readTaken(keys: OptionKeys, key: string): string[] {
  const names = keys.list(key);
  for (const problem of names.map(fieldNameProblem)) if (problem !== '') keys.rejected(key, problem);
  return names.map(canonicalName);
}

function readRegex(keys: OptionKeys): string {
  const key = 'auth/forward/authresponseheadersregex';
  const text = keys.text(key);
  try {
    if (text !== '') compileRegex(text);
    return text;
  } catch (error) {
    // Fields of the client's that it names would pass for those of the auth server.
    keys.rejected(key, `${quoted(text)}: ${reasonOf(error)}`);
    return '';
  }
}

function readBackend(keys: OptionKeys, known: Known): string | typeof REJECTED {
  const backend = keys.text('auth/forward/backend');
  const lack = backend === '' ? '' : known.backendLack(backend);
  if (lack === '') return backend;
  keys.rejected('auth/forward/backend', lack);
  return REJECTED;
}

export function readForwardAuth(keys: OptionKeys, known: Known): ForwardAuthOptions | typeof REJECTED {
  const address = readAddress(keys);
  const tls = readTls(keys, known);
  const backend = readBackend(keys, known);
  if (address === REJECTED || tls === REJECTED || backend === REJECTED) return REJECTED;
  const requested = keys.list('auth/forward/authrequestheaders').map((name) => name.toLowerCase());
  // Traefik 1.7 reads the spelling with the dot; its documentation has the one without.
  const dotted = readTaken(keys, 'auth/forward/.authresponseheaders');
  const taken = dotted.length > 0 ? dotted : readTaken(keys, 'auth/forward/authresponseheaders');
  const size = keys.int('auth/forward/maxresponsebodybytes', DEFAULT_BODY);
  if (size <= 0) keys.rejected('auth/forward/maxresponsebodybytes', 'it must be above 0');
  return {
    ...address,
    trustForwardHeader: keys.flag('auth/forward/trustforwardheader'),
    authResponseHeaders: taken.filter(mayBeTaken),
    authResponseHeadersRegex: readRegex(keys),
    authRequestHeaders: requested.length === 0 ? null : requested,
    addAuthCookiesToResponse: keys.list('auth/forward/addauthcookiestoresponse'),
    preserveLocationHeader: keys.flag('auth/forward/preservelocationheader'),
    timeoutMs: readDuration(keys, 'timeout', DEFAULT_TIMEOUT_MS, 1),
    maxResponseBodyBytes: size,
    backend,
    cacheMs: readDuration(keys, 'cache', 0, 0),
    tls,
  };
}
