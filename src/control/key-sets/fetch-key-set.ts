/** Fetches one key set (JWKS, RFC 7517 §5): bounded in time and size, and never from another host than the one that was named. */
import type { IncomingMessage } from 'node:http';
import { getCACertificates } from 'node:tls';
import { http, https } from '../../kernel/node-http.ts';
import { quoted } from '../../kernel/quote.ts';
import { readJwk, type VerificationKey } from '../../kernel/verification-keys.ts';

const FETCH_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_REDIRECTS = 3;
/** Keys of one set: what comes behind them is not looked at. */
const MAX_KEYS = 100;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

export type FetchedKeySet = {
  /** At least one. */
  readonly keys: readonly VerificationKey[];
  /** As its `Cache-Control` says, seconds; null when it does not. */
  readonly maxAge: number | null;
};

function get(url: URL, ca: string[] | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? https.request : http.request;
  const headers = { accept: 'application/jwk-set+json, application/json', 'user-agent': 'tsuji' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, signal, headers, ...(ca && { ca }) }, resolve);
    sent.on('error', reject);
    sent.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) throw new Error(`its answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** Where a redirect leads, which must be on the same host, and no less protected. */
function redirected(from: URL, location: string | undefined): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (to === null || to.origin !== from.origin)
    throw new Error(`it redirects to another host, ${quoted(location ?? '')}`);
  return to;
}

/** @throws Error for what is no key set, or has no key that may be used */
export function readKeySet(text: string): readonly VerificationKey[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('its answer is no JSON');
  }
  const listed = typeof value === 'object' && value !== null ? (value as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(listed)) throw new Error('its answer is no key set: there is no list of keys');
  const read = listed.slice(0, MAX_KEYS).map(readJwk);
  const keys = read.filter((key) => typeof key !== 'string');
  if (keys.length === 0) throw new Error(`it has no key that may be used${read.length > 0 ? `: ${read[0]}` : ''}`);
  return keys;
}

function maxAgeOf(control: string | undefined): number | null {
  const seconds = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(control ?? '')?.[1];
  return seconds === undefined ? null : Number(seconds);
}

/**
 * `rootCAs`: PEM texts that are trusted besides the system's, null for none.
 * @throws Error when it cannot be had
 */
export async function fetchKeySet(url: string, rootCAs: readonly string[] | null): Promise<FetchedKeySet> {
  const signal = AbortSignal.timeout(FETCH_MS);
  const ca = rootCAs === null ? undefined : [...getCACertificates(), ...rootCAs];
  try {
    let at = new URL(url);
    let response = await get(at, ca, signal);
    for (let i = 0; i < MAX_REDIRECTS && REDIRECTS.has(response.statusCode); i++) {
      response.destroy();
      at = redirected(at, response.headers.location);
      response = await get(at, ca, signal);
    }
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`it answers with status ${response.statusCode}`);
    }
    return { keys: readKeySet(await textOf(response)), maxAge: maxAgeOf(response.headers['cache-control']) };
  } catch (error) {
    if (signal.aborted) throw new Error(`it does not answer within ${FETCH_MS / 1000} s`);
    throw error;
  }
}
