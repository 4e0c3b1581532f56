/** The files of the dashboard: what is served of them, how large they are, and that nothing of them is missing. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import test from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { AdminRequest } from '../../../../src/control/admin/request.ts';
import { StaticFiles } from '../../../../src/control/admin/static-files.ts';

const UI = new URL('../../../../src/control/admin/ui/', import.meta.url);
const MODULES = new URL('../../../../node_modules/', import.meta.url);
const files = new StaticFiles();
const own = readdirSync(UI, { recursive: true, encoding: 'utf8' });
const text = (name: string) => readFileSync(new URL(name, UI), 'utf8');

function asking(fields: Record<string, string>): AdminRequest {
  return { fields: new Map(Object.entries(fields)) } as unknown as AdminRequest;
}

async function served(name: string, fields: Record<string, string> = {}) {
  const answer = await files.find(name)!.answer(asking(fields));
  return { ...answer, body: Buffer.concat(answer.page?.pieces ?? []) };
}

test('a file is served as brotli or gzip where that is taken, and not again when it is known', async () => {
  const plain = await served('main.js');
  assert.deepEqual(plain.body, readFileSync(new URL('main.js', UI)));
  const squeezed = await served('main.js', { 'accept-encoding': 'gzip, br' });
  assert.equal(squeezed.fields['Content-Encoding'], 'br');
  assert.deepEqual(brotliDecompressSync(squeezed.body), plain.body);
  const zipped = await served('main.js', { 'accept-encoding': 'gzip, br;q=0' });
  assert.equal(zipped.fields['Content-Encoding'], 'gzip');
  assert.deepEqual(gunzipSync(zipped.body), plain.body);
  const again = await served('main.js', { 'if-none-match': String(plain.fields.ETag) });
  assert.equal(again.status, 304);
  assert.equal(again.page, null);
  // A font is compressed by itself.
  assert.equal((await served('inter.woff2', { 'accept-encoding': 'br' })).fields['Content-Encoding'], undefined);
});

test('nothing else is found, and the policy lets nothing in but our own files', async () => {
  for (const name of ['../page.ts', 'screens', 'screens/', 'nothing.js', '__proto__']) {
    assert.equal(files.find(name), undefined, name);
  }
  const policy = String((await served('')).fields['Content-Security-Policy']);
  assert.match(
    policy,
    /^default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self';/,
  );
  assert.doesNotMatch(policy, /unsafe|data:|\*/);
  assert.doesNotMatch(text('index.html'), /<style|style=|onclick=|<script>/i);
});

/** Modules that come with a first one, itself included. */
function modulesOf(first: string): Set<string> {
  const all = new Set<string>();
  const add = (name: string) => {
    if (all.has(name) || name === 'preact.js') {
      all.add(name);
      return;
    }
    all.add(name);
    for (const [, to] of text(name).matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)';/gms))
      add(normalize(join(name, '..', to)));
  };
  add(first);
  return all;
}

test('the page names every module of its first view, so that none waits for another', () => {
  const named = [...text('index.html').matchAll(/rel="modulepreload" href="([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual([...modulesOf('main.js')].filter((name) => name !== 'main.js').sort(), named.sort());
  for (const name of named) assert.ok(files.find(name) !== undefined, name);
});

test('the first view is small', async () => {
  const script = [...modulesOf('main.js')].filter((name) => name !== 'preact.js');
  const ownBytes = script.reduce((sum, name) => sum + text(name).length, 0);
  assert.ok(ownBytes <= 130_000, `${ownBytes} bytes of own script`);
  const fonts = await Promise.all(['inter.woff2', 'jetbrains-mono.woff2'].map((name) => served(name)));
  assert.ok(fonts.reduce((sum, { body }) => sum + body.length, 0) <= 100_000);
  const links = [...text('index.html').matchAll(/(?:href|src)="([\w./-]+\.(?:css|js|woff2|svg))"/g)].map(
    ([, name]) => name,
  );
  const names = ['', ...new Set([...links, 'jetbrains-mono.woff2'])];
  const sizes = await Promise.all(
    names.map(async (name) => (await served(name, { 'accept-encoding': 'gzip' })).body.length),
  );
  const all = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(all <= 300_000, `${all} bytes`);
});

test('no part is long', () => {
  for (const name of own.filter((one) => one.endsWith('.js'))) assert.ok(text(name).split('\n').length <= 301, name);
});

test('the licence of everything that is not ours is there', () => {
  const licences = text('licences.txt');
  for (const name of ['htm', 'uplot', '@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono']) {
    const { version } = JSON.parse(readFileSync(new URL(`${name}/package.json`, MODULES), 'utf8')) as {
      version: string;
    };
    assert.ok(licences.includes(`${name} ${version}: `), name);
    const own = readFileSync(new URL(`${name}/LICENSE`, MODULES), 'utf8')
      .replaceAll('\r\n', '\n')
      .trim();
    assert.ok(licences.includes(own), name);
  }
  assert.match(licences, /Copyright \(c\) 2015-present Jason Miller/);
});
