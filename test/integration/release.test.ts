/** What a release consists of, made as a release makes it but for the compressing (that is tried by test/release). */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { makeBundle } from '../../scripts/release/make.ts';
import { ARCHITECTURES } from '../../scripts/release/node-package.ts';
import { makeProgram } from '../../scripts/release/tree.ts';
import { assertServes } from '../harness/release.ts';
import { run, temporaryFolder } from '../harness/tools.ts';

const HERE = ARCHITECTURES.find((name) => process.platform === 'linux' && name === process.arch);
const RELEASE = { version: '1.2.3', commit: 'c0ffee', time: '2026-01-01T00:00:00.000Z', epoch: 1_767_225_600 };

test('a release serves without npm, by a link, and says what it was made of', async (t) => {
  assert.ok(HERE !== undefined, `there is no release for ${process.platform} on ${process.arch}`);
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const work = join(folder.path, 'work');
  const home = join(folder.path, 'lib');
  makeProgram(HERE, home, await makeBundle(work, RELEASE), work);
  const link = join(folder.path, 'tsuji');
  symlinkSync('lib/tsuji', link);

  const env = { PATH: '/usr/bin:/bin', HOME: folder.path, NODE_COMPILE_CACHE: join(folder.path, 'cache') };
  const { code, stdout } = await run(link, ['--version'], { env });
  assert.equal(code, 0);
  assert.match(stdout, /^Node version: 24\.\d+\.\d+\nBuilt: {8}2026-01-01T00:00:00\.000Z\n.*\nCommit: {7}c0ffee$/m);
  await assertServes(t, link, env);
});
