/** A signed token in its compact form (RFC 7515 §7.1, RFC 7519, RFC 8725), read and judged as far as that takes no key. */
import { type JsonObject, parseObject } from '../kernel/strict-json.ts';

/** Characters of a token. */
export const MAX_TOKEN = 8_192;
/** Of what a claim tells a server. */
const MAX_VALUE = 4_096;

export type Token = {
  readonly algorithm: string;
  /** '' for none. */
  readonly kid: string;
  readonly claims: JsonObject;
};

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object that a part says; null when it is no base64url in its one spelling, no UTF-8, or no JSON object. */
function objectOf(part: string): JsonObject | null {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) return null;
  try {
    return parseObject(UTF8.decode(bytes));
  } catch {
    return null;
  }
}

/** A text says why it is none. */
export function parseToken(text: string): Token | string {
  if (text.length > MAX_TOKEN) return `the token is longer than ${MAX_TOKEN} characters`;
  const parts = text.split('.', 4);
  if (parts.length !== 3) return 'the token does not have three parts';
  const header = objectOf(parts[0]);
  const claims = objectOf(parts[1]);
  if (header === null || claims === null) return 'the token is malformed';
  const { alg, kid = '', crit } = header;
  if (typeof alg !== 'string' || typeof kid !== 'string') return 'alg or kid of the token is no text';
  // What must be understood of it, we do not.
  if (crit !== undefined || header.b64 !== undefined) return 'the token has extensions (crit)';
  if (Buffer.from(parts[2], 'base64url').toString('base64url') !== parts[2]) return 'the token is malformed';
  return { algorithm: alg, kid, claims };
}

export type TokenTimes = { readonly leewaySeconds: number; readonly requireExp: boolean };

/** Why it does not hold at `now`, Unix seconds; '' when it does. */
export function timeProblem(
  { exp, nbf, iat }: JsonObject,
  { leewaySeconds, requireExp }: TokenTimes,
  now: number,
): string {
  for (const time of [exp, nbf, iat]) {
    if (time !== undefined && typeof time !== 'number') return 'exp, nbf or iat is no number';
  }
  if (exp === undefined && requireExp) return 'the token has no exp';
  if (exp !== undefined && now >= (exp as number) + leewaySeconds) return 'the token has expired';
  if (nbf !== undefined && now < (nbf as number) - leewaySeconds) return 'the token is not valid yet';
  if (iat !== undefined && now < (iat as number) - leewaySeconds) return 'the token is from the future';
  return '';
}

/** What stands at a path: a claim of that very name, or with `.` one inside another. */
export function claimAt(claims: JsonObject, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}

/** A text as it is, numbers and booleans by their JSON text; null for what has none, and for numbers that are not exact. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number' || (Number.isInteger(value) && !Number.isSafeInteger(value))) return null;
  return JSON.stringify(value);
}

/** The claim is one of these values or, as an array or the blank-separated text of `scope`, has one of them. */
export function claimHas(claims: JsonObject, path: string, values: readonly string[]): boolean {
  const claim = claimAt(claims, path);
  const isScope = (path === 'scope' || path.endsWith('.scope')) && typeof claim === 'string';
  const items: readonly unknown[] = Array.isArray(claim) ? claim : isScope ? [claim, ...claim.split(' ')] : [claim];
  return items.some((item) => {
    const text = textOf(item);
    return text !== null && values.includes(text);
  });
}

/** What a server is told of a claim; '' when there is nothing that it could be told. */
export function claimText(claims: JsonObject, path: string): string {
  const claim = claimAt(claims, path);
  const isList = Array.isArray(claim) && claim.every((item) => typeof item === 'string');
  const text = isList ? claim.join(',') : textOf(claim);
  if (text === null || Buffer.byteLength(text) > MAX_VALUE || /\p{Cc}/u.test(text)) return '';
  return text;
}
