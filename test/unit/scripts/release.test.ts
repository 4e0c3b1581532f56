import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ASK_FLAGS, SERVE_FLAGS } from '../../../scripts/node-flags.mjs';
import { flatName, ROOT, rewriteUrls } from '../../../scripts/release/bundle.ts';
import { controlText, debianChangelog } from '../../../scripts/release/deb.ts';
import { launcherText } from '../../../scripts/release/launcher.ts';
import { type Bom, shippedBom } from '../../../scripts/release/sbom.ts';
import { normalise } from '../../../scripts/release/tree.ts';
import { run, temporaryFolder } from '../../harness/tools.ts';

const COMPILER = join(ROOT, 'src/control/routing/compiler.ts');

test('what src names by a URL of its own gets a flat name beside the code of a bundle', () => {
  const text = `const task = new URL('./make-base.task.ts', import.meta.url);
    const worker = new URL('../../data/worker.ts', import.meta.url), pages = new URL('../admin/ui/', import.meta.url);
    const manifest = new URL('../../../package.json', import.meta.url);
    const font = new URL(
      '../../../node_modules/a-font/files/a.woff2',
      import.meta.url,
    );`;
  const { text: rewritten, targets } = rewriteUrls(text, COMPILER);
  assert.deepEqual(
    Array.from(rewritten.matchAll(/new URL\('([^']+)', import\.meta\.url\)/g), ([, url]) => url),
    ['./control-routing-make-base.task.js', './data-worker.js', './control-admin-ui/', './package.json', './a.woff2'],
  );
  assert.deepEqual(targets.map(flatName), [
    'control-routing-make-base.task.js',
    'data-worker.js',
    'control-admin-ui',
    'package.json',
    'a.woff2',
  ]);
});

for (const text of ['readFileSync(join(import.meta.dirname, "x"))', 'fileURLToPath(import.meta.url)']) {
  test(`a file that could not find itself in a bundle is refused: ${text}`, () => {
    assert.throws(() => rewriteUrls(text, COMPILER), /src\/control\/routing\/compiler\.ts: only new URL/);
  });
}

const BOM: Bom = {
  serialNumber: 'urn:uuid:of-this-run',
  metadata: { timestamp: 'now', component: { 'bom-ref': 'tsuji@1', type: 'library', name: 'folder' } },
  components: ['a@1', 'b@2', 'test-tool@3'].map((ref) => ({ 'bom-ref': ref, type: 'library' })),
  dependencies: [
    { ref: 'tsuji@1', dependsOn: ['a@1', 'test-tool@3'] },
    { ref: 'a@1', dependsOn: ['b@2'] },
    { ref: 'test-tool@3', dependsOn: ['b@2'] },
  ],
};
const SHIPPED = { packages: ['a@1', 'b@2'], files: [{ name: 'node', sha256: 'ab' }], time: '2026-01-01T00:00:00.000Z' };

test('the bill of materials has what is shipped, and is the same from each run', () => {
  const bom = shippedBom(BOM, SHIPPED);
  assert.deepEqual(
    bom.components.map((component) => component['bom-ref']),
    ['a@1', 'b@2', 'file:node'],
  );
  assert.deepEqual(bom.dependencies, [
    { ref: 'tsuji@1', dependsOn: ['a@1'] },
    { ref: 'a@1', dependsOn: ['b@2'] },
  ]);
  assert.deepEqual([bom.metadata.timestamp, bom.metadata.component.name], [SHIPPED.time, 'tsuji']);
  assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const other = { ...BOM, serialNumber: 'urn:uuid:of-another', metadata: { ...BOM.metadata, timestamp: 'later' } };
  assert.deepEqual(shippedBom(other, SHIPPED), bom);
  assert.throws(() => shippedBom(BOM, { ...SHIPPED, packages: ['c@1'] }), /says nothing of c@1/);
});

test('the Debian package says its architecture, its glibc and its time as Debian does', () => {
  const control = controlText('arm64', '0.2.0', 130_000);
  assert.match(control, /^Architecture: arm64$/m);
  assert.match(control, /^Depends: libc6 \(>= 2\.36\)/m);
  assert.match(controlText('x64', '0.2.0', 1), /^Architecture: amd64$/m);
  assert.match(
    debianChangelog('0.2.0', '2026-11-26T15:52:29.000Z'),
    /^tsuji \(0\.2\.0\) unstable;.*\n -- .+ <.+> {2}Thu, 26 Nov 2026 15:52:29 \+0000\n$/s,
  );
});

test('modes and times of a tree depend on nobody', (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  mkdirSync(join(folder.path, 'sub'), { mode: 0o700 });
  writeFileSync(join(folder.path, 'sub/program'), '', { mode: 0o600 });
  writeFileSync(join(folder.path, 'text'), '', { mode: 0o777 });
  symlinkSync('/nowhere', join(folder.path, 'link'));
  normalise(folder.path, 1_000, ['sub/program']);
  const state = ['', 'sub', 'sub/program', 'text'].map((name) => {
    const { mode, mtimeMs } = lstatSync(join(folder.path, name));
    return [(mode & 0o777).toString(8), mtimeMs];
  });
  assert.deepEqual(state, [
    ['755', 1_000_000],
    ['755', 1_000_000],
    ['755', 1_000_000],
    ['644', 1_000_000],
  ]);
  assert.equal(lstatSync(join(folder.path, 'link')).mtimeMs, 1_000_000);
});

test('the launcher goes through links to the program, keeps a link to its folder, and says where to keep what is compiled', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const at = (name: string): string => join(folder.path, name);
  mkdirSync(at('v1'));
  mkdirSync(at('bin'));
  writeFileSync(at('v1/tsuji'), launcherText());
  writeFileSync(at('v1/node'), '#!/bin/sh\nprintf "%s\\n" "$0" "$NODE_COMPILE_CACHE" "$@"\n');
  for (const name of ['v1/tsuji', 'v1/node']) chmodSync(at(name), 0o755);
  symlinkSync('v1', at('current'));
  symlinkSync('../current/tsuji', at('bin/tsuji'));
  symlinkSync(at('bin/tsuji'), at('tsuji'));

  const start = async (env: Record<string, string>, ...args: string[]): Promise<string[]> => {
    // env -i: nothing of the environment of this test.
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const { stdout } = await run('env', ['-i', 'PATH=/usr/bin:/bin', ...words, at('tsuji'), ...args]);
    return stdout.split('\n');
  };
  const [node, cache, ...words] = await start({}, '--a b', '');
  assert.deepEqual([node, cache], [at('current/node'), '']);
  assert.deepEqual(words, [...SERVE_FLAGS, at('current/js/main.js'), '--a b', '', '']);
  assert.deepEqual((await start({}, 'version')).slice(2), [...ASK_FLAGS, at('current/js/main.js'), 'version', '']);
  const cacheOf = async (env: Record<string, string>): Promise<string> => (await start(env))[1];
  assert.equal(await cacheOf({ HOME: folder.path }), at('.cache/tsuji/compiled'));
  assert.equal(await cacheOf({ HOME: at('nowhere') }), '');
  assert.equal(await cacheOf({ HOME: folder.path, CACHE_DIRECTORY: '/c:/d' }), '/c/compiled');
  assert.equal(await cacheOf({ CACHE_DIRECTORY: '/c', NODE_COMPILE_CACHE: '/mine' }), '/mine');
});
