import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { loadTls } from '../../../../src/control/source/tls.ts';
import { temporaryFolder } from '../../../harness/tools.ts';

const NOTHING = { ca: '', cert: '', key: '', insecureSkipVerify: false };
const KEY = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

test('nothing given means the default authorities and no client certificate', () => {
  assert.deepEqual(loadTls(NOTHING), { ca: null, cert: null, key: null, insecureSkipVerify: false });
});

test('an error names the part at fault and why', () => {
  assert.throws(() => loadTls({ ...NOTHING, ca: '/no/such/file' }), /etcd\.tls\.ca: neither a readable file nor PEM/);
  assert.throws(
    () => loadTls({ ...NOTHING, cert: '-----BEGIN CERTIFICATE-----\nxx' }),
    /etcd\.tls\.cert: not a PEM cert/,
  );
  assert.throws(
    () => loadTls({ ...NOTHING, key: '-----BEGIN PRIVATE KEY-----\nxx' }),
    /etcd\.tls\.key: not a PEM private/,
  );
  assert.throws(() => loadTls({ ...NOTHING, key: KEY }), /etcd\.tls\.cert: missing/);
});

test('a file is preferred to text, and its content must be PEM', (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'ca.pem');
  writeFileSync(file, 'not a certificate');
  assert.throws(() => loadTls({ ...NOTHING, ca: file }), /etcd\.tls\.ca: not a PEM certificate/);
});

test('an error never shows the text of a key', () => {
  const secret = KEY.slice(30, 60);
  assert.throws(
    () => loadTls({ ...NOTHING, key: KEY }),
    (error: Error) => !error.message.includes(secret),
  );
  assert.throws(
    () => loadTls({ ...NOTHING, key: KEY.slice(0, 70) }),
    (error: Error) => !error.message.includes(secret),
  );
});
