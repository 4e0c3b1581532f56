import assert from 'node:assert/strict';
import test from 'node:test';
import type { WorkerCertificate } from '../../../src/protocol/messages.ts';
import { CertificateStore } from '../../../src/tls/certificate-store.ts';

let lastId = 0;

function certificate(precedence: string, names: string[], fields: Partial<WorkerCertificate> = {}): WorkerCertificate {
  const bytes = new Uint8Array();
  return {
    id: ++lastId,
    entryPoints: 1,
    defaultOf: 0,
    names,
    precedence,
    cert: bytes,
    key: bytes,
    fingerprint: precedence,
    staple: null,
    ...fields,
  };
}

function storeOf(...certificates: WorkerCertificate[]): CertificateStore {
  const store = new CertificateStore();
  store.apply(certificates, []);
  return store;
}

const found = (store: CertificateStore, name: string, entryPoint = 0): string | undefined =>
  store.find(entryPoint, name)?.precedence;

test('an exact name goes before a wildcard, and fewer wildcards before more', () => {
  const store = storeOf(
    certificate('1exact', ['a.b.example.com']),
    certificate('1one', ['*.b.example.com']),
    certificate('0two', ['*.*.example.com']),
  );
  assert.equal(found(store, 'a.b.example.com'), '1exact');
  assert.equal(found(store, 'x.b.example.com'), '1one');
  assert.equal(found(store, 'x.y.example.com'), '0two');
  assert.equal(found(store, 'b.example.com'), undefined);
  assert.equal(found(store, 'x.y.z.example.com'), undefined);
});

test('names are compared in any case and without the dot of the root', () => {
  const store = storeOf(certificate('1a', ['a.test']), certificate('1w', ['*.w.test']));
  assert.equal(found(store, 'A.Test'), '1a');
  assert.equal(found(store, 'a.test.'), '1a');
  assert.equal(found(store, 'X.W.TEST.'), '1w');
});

test('of two with one name the lower precedence is served, a static one before those of keys', () => {
  const store = storeOf(certificate('1b', ['a.test']), certificate('1a', ['a.test']));
  assert.equal(found(store, 'a.test'), '1a');
  const fixed = certificate('0000000', ['a.test']);
  store.apply([fixed], []);
  assert.equal(found(store, 'a.test'), '0000000');
  store.apply([], [fixed.id]);
  assert.equal(found(store, 'a.test'), '1a');
});

test('each entrypoint has its own certificates and its own default', () => {
  const store = storeOf(
    certificate('1first', ['a.test'], { entryPoints: 1, defaultOf: 2 }),
    certificate('1second', ['a.test'], { entryPoints: 2 }),
    certificate('1last', ['b.test'], { entryPoints: 1 << 31, defaultOf: 1 << 31 }),
  );
  assert.equal(found(store, 'a.test', 0), '1first');
  assert.equal(found(store, 'a.test', 1), '1second');
  assert.equal(found(store, 'b.test', 31), '1last');
  assert.equal(found(store, 'b.test', 0), undefined);
  assert.equal(store.defaultOf(0), undefined);
  assert.equal(store.defaultOf(1)?.precedence, '1first');
  assert.equal(store.defaultOf(31)?.precedence, '1last');
});

test('an address has no wildcards, and the store says whether there are addresses', () => {
  const address = certificate('1ip', ['127.0.0.1', '::1']);
  const store = storeOf(certificate('1w', ['*.0.0.1']), address);
  assert.equal(store.hasAddresses, true);
  assert.equal(found(store, '127.0.0.1'), '1ip');
  assert.equal(found(store, '::1'), '1ip');
  store.apply([], [address.id]);
  assert.equal(store.hasAddresses, false);
  assert.equal(found(store, '127.0.0.1'), undefined);
});

test('what is replaced in one change leaves nothing of the old one behind', () => {
  const old = certificate('1a', ['a.test', '*.a.test'], { defaultOf: 1 });
  const store = storeOf(old);
  const next = certificate('1a', ['b.test'], { defaultOf: 1 });
  const told: number[] = [];
  store.onChange((removed) => told.push(...removed));
  store.apply([next], [old.id]);
  assert.deepEqual(told, [old.id]);
  assert.equal(found(store, 'a.test'), undefined);
  assert.equal(found(store, 'x.a.test'), undefined);
  assert.equal(store.find(0, 'b.test'), next);
  assert.equal(store.defaultOf(0), next);
});

test('a name of absurd length or with very many labels is looked up in no time', () => {
  const store = storeOf(certificate('1w', ['*.*.*.test']));
  const startedAt = performance.now();
  for (let i = 0; i < 1000; i++) {
    assert.equal(found(store, 'x'.repeat(100_000)), undefined);
    assert.equal(found(store, 'a.'.repeat(126)), undefined);
  }
  assert.ok(performance.now() - startedAt < 1000);
});
