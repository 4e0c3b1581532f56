/** Keys of tokens in a worker (shared/spec frontend-options §3.14). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { KeyRing, KeySets } from '../../../src/data/auth/key-sets.ts';
import { type Verified, VerifiedTokens } from '../../../src/data/auth/verified-tokens.ts';
import { readJwk, type VerificationKey } from '../../../src/kernel/verification-keys.ts';
import type { FromWorker } from '../../../src/protocol/messages.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const key = (jwk: object, kid: string): VerificationKey => readJwk({ ...jwk, kid }) as VerificationKey;
const URL_A = 'https://a.com/keys';

test('a key is found by its name, or tried when the token or the key names none, five at most', () => {
  const ring = new KeyRing([key(ec, 'a'), key(ed, 'b'), key(ec, ''), key(ec, 'c')]);
  const found = (kid: string, algorithm: string): number | null => ring.find(kid, algorithm)?.length ?? null;
  assert.deepEqual([found('a', 'ES256'), found('a', 'EdDSA'), found('b', 'EdDSA')], [2, 0, 1]);
  assert.deepEqual([found('', 'ES256'), found('x', 'ES256'), found('x', 'RS256')], [3, 1, 0]);
  assert.equal(new KeyRing([key(ec, 'a')]).find('x', 'ES256'), null);
  assert.equal(new KeyRing(Array.from({ length: 9 }, (_, i) => key(ec, `${i}`))).find('', 'ES256')!.length, 5);
});

test('one question is asked for all who wait, at most once a minute, and any news of the set answers them', () => {
  const asked: FromWorker[] = [];
  const sets = new KeySets([], (message) => asked.push(message));
  const done: string[] = [];
  const say = (name: string) => (): void => {
    done.push(name);
  };
  assert.ok(sets.ask(URL_A, say('first')));
  assert.ok(sets.ask(URL_A, say('second')));
  assert.deepEqual(asked, [{ kind: 'wantKeySet', url: URL_A }]);
  sets.apply([{ url: 'https://b.com/', keys: [] }], []);
  assert.equal(done.length, 0);
  sets.apply([{ url: URL_A, keys: [key(ec, 'a')] }], []);
  assert.deepEqual(done, ['first', 'second']);
  const version = sets.version(URL_A);
  assert.ok(!sets.ask(URL_A, say('third')));
  sets.apply([{ url: URL_A, keys: [key(ec, 'a')] }], []);
  assert.equal(sets.version(URL_A), version);
  sets.apply([{ url: URL_A, keys: [key(ec, 'b')] }], []);
  assert.notEqual(sets.version(URL_A), version);
  sets.apply([], [URL_A]);
  assert.deepEqual([sets.version(URL_A), sets.ring(URL_A)], [0, null]);
  for (let i = 0; i < 1_000; i++) assert.ok(sets.ask(URL_A, () => {}));
  assert.ok(!sets.ask(URL_A, () => {}));
});

test('a token is remembered until it expires or the keys change, and the oldest give way', () => {
  const tokens = new VerifiedTokens();
  const verified = (value = ''): Verified => ({ until: 100, version: 1, isAllowed: true, fields: [['x', value]] });
  const name = VerifiedTokens.key('scope', 'token');
  assert.notEqual(name, VerifiedTokens.key('other', 'token'));
  tokens.remember(name, verified());
  assert.ok(tokens.find(name, 1, 99));
  assert.equal(tokens.find(name, 1, 100), null);
  assert.equal(tokens.find(name, 2, 99), null);
  for (let i = 0; i < 10_000; i++) tokens.remember(`n${i}`, verified());
  assert.equal(tokens.find(name, 1, 99), null);
  assert.ok(tokens.find('n0', 1, 99));
  for (let i = 0; i < 5_000; i++) tokens.remember(`l${i}`, verified('x'.repeat(4_096)));
  assert.equal(tokens.find('l0', 1, 99), null);
  assert.ok(tokens.find('l4999', 1, 99));
});
