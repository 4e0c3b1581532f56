import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { loadRootCAs } from '../../../src/control/root-cas.ts';
import { captureLog } from '../../harness/log.ts';
import { makeAuthority } from '../../harness/tls.ts';
import { temporaryFolder } from '../../harness/tools.ts';

test('files and PEM texts give one text per certificate, and what cannot be used is left out', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const [one, two] = await Promise.all([makeAuthority(folder.path, 'one'), makeAuthority(folder.path, 'two')]);
  const [first, second] = [one, two].map(({ cert }) => readFileSync(cert, 'utf8').trim());
  const bundle = join(folder.path, 'bundle.pem');
  const broken = first.replace(/.{20}(?=\n-----END)/s, '');
  writeFileSync(bundle, `# both\n${first}\n\n${broken}\n${second}\n`);
  assert.deepEqual(loadRootCAs([bundle], 'flag'), [first, second]);
  assert.deepEqual(loadRootCAs([one.cert, second], 'flag'), [first, second]);
  const lines = captureLog();
  assert.deepEqual(loadRootCAs([two.key, join(folder.path, 'missing'), 'nonsense', folder.path, broken], 'store'), []);
  assert.deepEqual(
    lines.map(({ event, setting, origin }) => [event, setting, origin].join(' ')),
    new Array(5).fill('setting_refused rootCAs store'),
  );
});
