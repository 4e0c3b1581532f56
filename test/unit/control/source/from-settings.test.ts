import assert from 'node:assert/strict';
import test from 'node:test';
import { sourcesFrom } from '../../../../src/control/source/from-settings.ts';
import { etcdSettings } from '../../../harness/defaults.ts';

function names(...settings: Parameters<typeof sourcesFrom>): string[] {
  return sourcesFrom(...settings).map(({ name }) => name);
}

test('etcd means v3 before v2, and v3 alone when that is asked for', () => {
  const etcd = etcdSettings(['127.0.0.1:2379']);
  assert.deepEqual(names({ etcd, folder: '' }), ['etcdv3', 'etcdv2']);
  assert.deepEqual(names({ etcd: { ...etcd, useApiV3: true }, folder: '' }), ['etcdv3']);
});

test('a folder comes last, and nothing given means no source', () => {
  const etcd = etcdSettings(['127.0.0.1:2379']);
  assert.deepEqual(names({ etcd, folder: '/keys' }), ['etcdv3', 'etcdv2', 'folder']);
  assert.deepEqual(names({ etcd: null, folder: '/keys' }), ['folder']);
  assert.deepEqual(names({ etcd: null, folder: '' }), []);
});

test('unusable TLS settings are told at once', () => {
  const tls = { ca: '/no/such/ca.pem', cert: '', key: '', insecureSkipVerify: false };
  assert.throws(() => sourcesFrom({ etcd: etcdSettings(['h:1'], { tls }), folder: '' }), /etcd\.tls\.ca/);
});
