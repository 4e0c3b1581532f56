/**
 * Public keys that signatures of tokens are verified with, as JWK (RFC 7517, RFC 7518 §6, RFC 8037): which are taken, and for
 * which algorithms (RFC 8725 §3.1, §3.2; shared/spec frontend-options §3.14).
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { quoted } from './quote.ts';

export type VerificationKey = {
  /** '' for none. */
  readonly kid: string;
  /** The only algorithm that it is for; '' when any that fits will do. */
  readonly alg: string;
  /** The public parts and nothing else. */
  readonly jwk: Readonly<Record<string, string>>;
};

type Shape = { readonly kty: string; readonly crv: string };

const RSA: Shape = { kty: 'RSA', crv: '' };

/** Algorithms of public keys, with the keys that they take. */
const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, RSA] as const),
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['ES384', { kty: 'EC', crv: 'P-384' }],
  ['ES512', { kty: 'EC', crv: 'P-521' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
]);

export const PUBLIC_KEY_ALGORITHMS: readonly string[] = [...SHAPES.keys()];

/** Of RSA, bits: fewer are too weak, and more take longer than a request should. */
const LEAST_BITS = 2_048;
const MOST_BITS = 8_192;

/** Members of a JWK, by kty, that are public and make the key. */
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};

const PRIVATE_MEMBERS = ['d', 'p', 'q'];

function isKnownCurve(kty: string, crv: string): boolean {
  return kty === 'RSA' || [...SHAPES.values()].some((shape) => shape.kty === kty && shape.crv === crv);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The key for `node:crypto`. */
export function keyObjectOf({ jwk }: VerificationKey): KeyObject {
  return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
}

function weakness(key: KeyObject): string {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits === undefined || (bits >= LEAST_BITS && bits <= MOST_BITS)) return '';
  return `an RSA key has ${LEAST_BITS} to ${MOST_BITS} bits here, and this one ${bits}`;
}

/** A JWK as it was parsed from JSON. A text says why it is not taken; it has nothing of the key in it. */
export function readJwk(value: unknown): VerificationKey | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no JSON object';
  const given = value as Record<string, unknown>;
  const kty = textOf(given.kty);
  const alg = textOf(given.alg);
  const members = Object.hasOwn(PUBLIC_MEMBERS, kty) ? PUBLIC_MEMBERS[kty] : null;
  if (members === null) return `kty ${quoted(kty)} is none of RSA, EC, OKP`;
  if (PRIVATE_MEMBERS.some((name) => given[name] !== undefined))
    return 'it is a private key: only public ones are taken';
  if (!isKnownCurve(kty, textOf(given.crv))) return `the curve ${quoted(textOf(given.crv))} is not supported`;
  if (given.use !== undefined && given.use !== 'sig') return 'its use is not sig';
  if (Array.isArray(given.key_ops) && !given.key_ops.includes('verify')) return 'its key_ops are without verify';
  const jwk: Record<string, string> = { kty };
  for (const name of members) jwk[name] = textOf(given[name]);
  const key = { kid: textOf(given.kid), alg, jwk };
  try {
    const problem = weakness(keyObjectOf(key));
    if (problem !== '') return problem;
  } catch {
    return 'it is malformed';
  }
  return alg === '' || fits({ ...key, alg: '' }, alg) ? key : `alg ${quoted(alg)} does not fit its kind`;
}

/** PEM of a public key or a certificate (X.509). A text says why it is not taken. */
export function readPemKey(pem: string, kid: string): VerificationKey | string {
  if (pem.includes('PRIVATE KEY')) return 'it is a private key: only public ones are taken';
  try {
    const read = readJwk(createPublicKey(pem).export({ format: 'jwk' }));
    return typeof read === 'string' ? read : { ...read, kid };
  } catch {
    return 'it is no PEM text of a public key or a certificate';
  }
}

/** May a signature by that algorithm be verified with it? */
export function fits({ alg, jwk }: VerificationKey, algorithm: string): boolean {
  const shape = SHAPES.get(algorithm);
  if (shape === undefined || (alg !== '' && alg !== algorithm)) return false;
  return shape.kty === jwk.kty && (shape.crv === '' || shape.crv === jwk.crv);
}
