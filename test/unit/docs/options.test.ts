/** docs/options.md says all that there is to say of the keys of frontends and backends, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { BACKEND_KEYS, FRONTEND_KEYS } from '../../../src/model/schema.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

const reference = read('docs/options.md');
const readme = read('README.md');

/** A key as the documentation has it, `frontends/F/errors/PAGE/status`, and the type that it gives. */
type Documented = { readonly key: string; readonly type: string };

/** The rows of all tables whose first column is headed by where its keys stand. */
function documented(text: string): Documented[] {
  const found: Documented[] = [];
  let below = '';
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      below = '';
      continue;
    }
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const header = /^key below `(.+)`$/.exec(cells[1]);
    if (header !== null) below = header[1];
    else if (below !== '' && !cells[1].startsWith('---')) {
      for (const [, key] of cells[1].matchAll(/`([^`]+)`/g)) found.push({ key: below + key, type: cells[3] });
    }
  }
  return found;
}

/** Free names are words in capitals. */
function patternOf(key: string): string {
  return key.replace(/(?<=\/)[A-Z]+(?=\/|$)/g, '*');
}

const code = [
  ...BACKEND_KEYS.patterns.map((pattern) => `backends/*/${pattern}`),
  ...FRONTEND_KEYS.patterns.map((pattern) => `frontends/*/${pattern}`),
];
const isItem = (pattern: string): boolean => pattern.endsWith('/*') && code.includes(pattern.slice(0, -2));
const rows = documented(reference);
const patterns = rows.map(({ key }) => patternOf(key));

test('every key that is read is described, once, and no other is', () => {
  assert.equal(new Set(patterns).size, patterns.length, 'a key is described twice');
  // A mistake below a section that protects is no key; items of a list are told by its type.
  const keys = code.filter((pattern) => !pattern.endsWith('/**') && !isItem(pattern));
  const missing = keys.filter((key) => !patterns.includes(key));
  const extra = patterns.filter((key) => !keys.includes(key));
  assert.deepEqual({ missing, extra }, { missing: [], extra: [] });
});

test('a key is called a list where its items may be keys of their own', () => {
  for (const [i, { key, type }] of rows.entries()) {
    assert.equal(type === 'list', code.includes(`${patterns[i]}/*`), `${key} is called ${type}`);
  }
});

/** What a heading is called in a link. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

function anchors(text: string): Set<string> {
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading)));
}

test('links between README and the reference lead somewhere', () => {
  const links: [string, ReadonlySet<string>][] = [
    ...[...readme.matchAll(/\(docs\/options\.md#([^)]+)\)/g)].map((link): [string, Set<string>] => [
      link[1],
      anchors(reference),
    ]),
    ...[...readme.matchAll(/\(#([^)]+)\)/g)].map((link): [string, Set<string>] => [link[1], anchors(readme)]),
    ...[...reference.matchAll(/\(#([^)]+)\)/g)].map((link): [string, Set<string>] => [link[1], anchors(reference)]),
    ...[...reference.matchAll(/\(\.\.\/README\.md#([^)]+)\)/g)].map((link): [string, Set<string>] => [
      link[1],
      anchors(readme),
    ]),
  ];
  assert.ok(links.length > 30);
  for (const [anchor, known] of links) assert.ok(known.has(anchor), `#${anchor} leads nowhere`);
});
