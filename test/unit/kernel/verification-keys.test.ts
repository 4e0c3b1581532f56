/** Which public keys tokens are verified with (RFC 7517, RFC 8725 §3.1, §3.2). */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import test from 'node:test';
import { fits, readJwk, readPemKey, type VerificationKey } from '../../../src/kernel/verification-keys.ts';

const jwkOf = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: 'jwk' }) });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

function taken(value: unknown): VerificationKey {
  const key = readJwk(value);
  assert.notEqual(typeof key, 'string', String(key));
  return key as VerificationKey;
}

test('a key is for the algorithms of its kind, its curve and its alg', () => {
  const keys = {
    rsa: taken({ ...jwkOf(rsa.publicKey), kid: 'r', use: 'sig', x5c: ['ignored'] }),
    ps: taken({ ...jwkOf(rsa.publicKey), alg: 'PS256' }),
    ec: taken(jwkOf(ec.publicKey)),
    ed: taken({ ...jwkOf(ed.publicKey), key_ops: ['verify'] }),
  };
  assert.deepEqual(Object.keys(keys.rsa.jwk), ['kty', 'n', 'e']);
  const all = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA', 'HS256', 'none', ''];
  const fitting = (key: VerificationKey): string[] => all.filter((algorithm) => fits(key, algorithm));
  assert.deepEqual(fitting(keys.rsa), ['RS256', 'RS512', 'PS256']);
  assert.deepEqual(fitting(keys.ps), ['PS256']);
  assert.deepEqual(fitting(keys.ec), ['ES256']);
  assert.deepEqual(fitting(keys.ed), ['EdDSA']);
});

test('weak, private, malformed and other keys are not taken, and the reason holds nothing of them', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  const jwk = jwkOf(ec.publicKey);
  const bad: Record<string, unknown> = {
    weak: jwkOf(small.publicKey),
    private: jwkOf(rsa.privateKey),
    secret: { kty: 'oct', k: 'c2VjcmV0' },
    curve: jwkOf(koblitz.publicKey),
    encryption: { ...jwk, use: 'enc' },
    operations: { ...jwk, key_ops: ['sign'] },
    algorithm: { ...jwk, alg: 'RS256' },
    'off the curve': { ...jwk, x: jwk.y, y: jwk.x },
    empty: { kty: 'RSA' },
    kind: { kty: 'constructor' },
    text: 'text',
    nothing: null,
    list: [jwk],
  };
  for (const [name, value] of Object.entries(bad)) {
    const read = readJwk(value);
    assert.equal(typeof read, 'string', name);
    const { d, k } = (value ?? {}) as { d?: string; k?: string };
    for (const secret of [d, k]) if (secret !== undefined) assert.ok(!String(read).includes(secret));
  }
  const pem = ec.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  assert.match(readPemKey(pem, 'k') as string, /private/);
  assert.match(readPemKey('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'k') as string, /PEM/);
  const good = readPemKey(ec.publicKey.export({ format: 'pem', type: 'spki' }) as string, 'k') as VerificationKey;
  assert.deepEqual([good.kid, good.jwk.crv], ['k', 'P-256']);
});
