import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { whyNotInstalled } from '../../../scripts/packages.mjs';
import { temporaryFolder } from '../../harness/tools.ts';

type Entry = { version: string; integrity?: string; dev?: boolean; optional?: boolean };

const WANTED: Record<string, Entry> = {
  '': { version: '0.1.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'x' },
  'node_modules/tool': { version: '2.0.0', dev: true },
  'node_modules/elsewhere': { version: '3.0.0', optional: true },
};

/** The reason for a folder whose lock file asks for WANTED and where `installed` (or nothing) is installed. */
function reasonFor(t: TestContext, installed: Record<string, Entry> | string | undefined, production = false): string {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  writeFileSync(join(folder.path, 'package-lock.json'), JSON.stringify({ packages: WANTED }));
  if (installed !== undefined) {
    mkdirSync(join(folder.path, 'node_modules'));
    const text = typeof installed === 'string' ? installed : JSON.stringify({ packages: installed });
    writeFileSync(join(folder.path, 'node_modules', '.package-lock.json'), text);
  }
  return whyNotInstalled(folder.path, production);
}

const { 'node_modules/a': a, 'node_modules/tool': tool } = WANTED;

test('what the lock file asks for is enough, and packages for other systems may be missing', (t) => {
  assert.equal(reasonFor(t, { 'node_modules/a': a, 'node_modules/tool': tool }), '');
});

test('a folder that was never or only partly installed is noticed', (t) => {
  assert.match(reasonFor(t, undefined), /not there/);
  assert.match(reasonFor(t, '{"packages": {'), /not complete/);
  assert.match(reasonFor(t, 'null'), /not complete/);
});

test('a missing, a changed and a left-over package are named', (t) => {
  assert.equal(reasonFor(t, { 'node_modules/tool': tool }), 'node_modules/a is missing');
  const other = { 'node_modules/a': { ...a, version: '1.0.1' }, 'node_modules/tool': tool };
  assert.equal(reasonFor(t, other), 'node_modules/a is another version');
  const swapped = { 'node_modules/a': { ...a, integrity: 'y' }, 'node_modules/tool': tool };
  assert.equal(reasonFor(t, swapped), 'node_modules/a is another version');
  const more = { 'node_modules/a': a, 'node_modules/tool': tool, 'node_modules/old': a };
  assert.equal(reasonFor(t, more), 'node_modules/old is no longer wanted');
});

test('development packages may be missing only where nothing but running is meant', (t) => {
  assert.equal(reasonFor(t, { 'node_modules/a': a }), 'node_modules/tool is missing');
  assert.equal(reasonFor(t, { 'node_modules/a': a }, true), '');
});
