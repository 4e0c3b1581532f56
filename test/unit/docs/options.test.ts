/** docs/options.md says all that there is to say of the keys of frontends and backends, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import type { Problem } from '../../../src/kernel/problems.ts';
import { FOREIGN_IN_BACKENDS, FOREIGN_IN_FRONTENDS } from '../../../src/middlewares/foreign-names.ts';
import { buildBackend } from '../../../src/model/build-backend.ts';
import { buildFrontend } from '../../../src/model/build-frontend.ts';
import { BACKEND_KEYS, FRONTEND_KEYS } from '../../../src/model/schema.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

const reference = read('docs/options.md');

/** A key as the documentation has it, `frontends/F/errors/PAGE/status`, and what it says of it. */
type Documented = { readonly key: string; readonly type: string; readonly fallback: string; readonly mistake: string };

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
      for (const [, key] of cells[1].matchAll(/`([^`]+)`/g)) {
        found.push({ key: below + key, type: cells[3], fallback: cells[4], mistake: cells[5] });
      }
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

/** One of which every kind of value takes for a mistake, if it takes anything for one. */
const MISTAKES = ['', '\u0007', '-1', 'x', ',', '(', '{{', 'true', '1000001', 'http://['];
/** Section → what must be there for a mistake elsewhere in it to show. */
const NEEDED: Readonly<Record<string, Record<string, string>>> = {
  'frontends/F/redirect': { 'redirect/regex': 'a', 'redirect/replacement': 'b' },
  'frontends/F/denylist': { 'denylist/sourcerange': '::1' },
  'frontends/F/auth/forward': { 'auth/forward/address': 'http://a/' },
  'frontends/F/jwt': { 'jwt/secret': 'A'.repeat(43) },
  'frontends/F/errors': { 'errors/PAGE/status': '500', 'errors/PAGE/backend': 'other' },
  'frontends/F/split': { 'split/entries/S/backend': 'other', 'split/sticky': 'true' },
  'frontends/F/mirroring': { 'mirrors/M/backend': 'other' },
  'frontends/F/mirrors': { 'mirrors/M/backend': 'other' },
  'frontends/F/compress': { 'compress/contenttypes': 'text/html' },
  'frontends/F/ratelimit': {
    'ratelimit/extractorfunc': 'client.ip',
    'ratelimit/rateset/R/period': '1s',
    'ratelimit/rateset/R/average': '1',
    'ratelimit/rateset/R/burst': '1',
  },
  'backends/B/loadbalancer/hash': { 'loadbalancer/method': 'hash' },
  'backends/B/healthcheck': { 'healthcheck/path': '/' },
  'backends/B/maxconn': { 'maxconn/amount': '1' },
  'backends/B/failover': { 'failover/backend': 'other' },
};

/** Keys of backends, in their place. */
const FRONTEND_ONLY_HERE = new Set(['failover', 'healthcheck', 'loadbalancer', 'maxconn', 'servers']);

type Outcome = { readonly value: unknown; readonly problems: readonly Problem[] };

const others = {
  backendLack: (name: string): string => (name === 'own' || name === 'other' ? '' : 'there is no such backend'),
  keyOf: (): string => '',
  readFile: () => ({ text: '', problem: 'there is no such file' }),
};

function frontend(keys: Record<string, string>): Outcome {
  const options = { prefix: '', entryPoints: new Set(['http']), defaultEntryPoints: ['http'] };
  return buildFrontend('F', new Map(Object.entries(keys)), others, options);
}

function backend(keys: Record<string, string>): Outcome {
  const options = { prefix: '', allowMinWeightZero: false, constraints: [] };
  return buildBackend('own', new Map(Object.entries(keys)), options, others);
}

/** What becomes of the object of that key with that value, and whatever else must be there. */
function outcome(key: string, value: string): Outcome {
  const [kind, , ...rest] = key.split('/');
  const section = Object.keys(NEEDED).find((each) => key.startsWith(`${each}/`));
  const needed = section === undefined ? {} : NEEDED[section];
  const own = { [rest.join('/')]: value };
  return kind === 'frontends'
    ? frontend({ backend: 'own', ...needed, ...own })
    : backend({ 'servers/S/url': 'http://a', ...needed, ...own });
}

function mistakes(key: string): Outcome[] {
  return MISTAKES.map((mistake) => outcome(key, mistake));
}

test('a mistake leaves its frontend or backend out where that is said, and nowhere else', () => {
  for (const { key, mistake } of rows) {
    const isLeftOut = /(?<!that server is )left out/.test(mistake);
    assert.equal(
      mistakes(key).some(({ value }) => value === null),
      isLeftOut,
      `${key}: ${mistake}`,
    );
  }
});

test('a mistake is a problem of its key, unless it is said that there are none', () => {
  for (const { key, mistake } of rows) {
    const own = `/${key.replace(/^backends\/B/, 'backends/own')}`;
    const isTold = mistakes(key).some(({ problems }) => problems.some((problem) => problem.key === own));
    assert.equal(isTold, mistake !== '—', `${key}: ${mistake}`);
  }
});

/** `true`, `30s`, `0: none`, and what stands in backticks; null: it cannot be written as a value. */
function defaultOf(fallback: string): string | null {
  const [, bare, quoted] = /^(?:(true|false|[0-9]+[smh]?)(?=$|[:;, ])|`([^`]+)`(?:$|;))/.exec(fallback) ?? [];
  return bare ?? (quoted === undefined || /^(?:--|_)/.test(quoted) ? null : quoted);
}

test('a default that is written down, and an empty value, mean the same', () => {
  let tried = 0;
  for (const { key, fallback } of rows) {
    const written = defaultOf(fallback);
    if (written === null) continue;
    tried++;
    assert.deepEqual(outcome(key, written).value, outcome(key, '').value, `${key}: ${fallback}`);
  }
  assert.ok(tried > 80, `only ${tried} were tried`);
});

/** Key words of a hint that are keys: below the object that it is about, or with the other one before them. */
function keysIn(hint: string, kind: 'frontends' | 'backends'): string[] {
  return [...hint.matchAll(/(?:write|and|or|,) ((?:(?:frontends|backends)\/[A-Z]\/)?[a-z]+(?:\/[A-Za-z]+)*)/g)]
    .map(([, key]) => key)
    .filter((key) => key.includes('/') || code.includes(`${kind}/*/${key}`))
    .map((key) => patternOf(/^(?:frontends|backends)\//.test(key) ? key : `${kind}/*/${key}`));
}

test('names of Traefik 2 and 3 are told of, with keys that are there; what may protect leaves the frontend out', () => {
  for (const [kind, names] of [
    ['frontends', FOREIGN_IN_FRONTENDS],
    ['backends', FOREIGN_IN_BACKENDS],
  ] as const) {
    for (const [name, { hint, protects }] of names) {
      for (const key of keysIn(hint, kind)) {
        assert.ok(
          code.some((pattern) => pattern === key || pattern.startsWith(`${key}/`)),
          `${name}: ${key}`,
        );
      }
      const written = `${kind}/*/${name.toUpperCase()}/x`;
      const { value, problems } = outcome(written, 'x');
      const isLeftOut = protects !== undefined;
      assert.equal(value === null, isLeftOut, name);
      const told = problems.find(({ key }) => key.endsWith(`/${name.toUpperCase()}/x`));
      assert.equal(told?.state, isLeftOut ? 'rejected' : 'ignored', name);
      assert.ok(told!.reason.startsWith(`unknown key: ${hint}`), `${name}: ${told!.reason}`);
    }
  }
  const [, section] = /^## Names of Traefik 2 and 3\n(.*?)^## /ms.exec(reference)!;
  const listed = [...section.matchAll(/^\| ((?:`[a-zA-Z]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`([a-zA-Z]+)`/g)].map(([, name]) => name.toLowerCase()),
  );
  const known = [...FOREIGN_IN_FRONTENDS.keys()].filter((name) => !FRONTEND_ONLY_HERE.has(name));
  assert.deepEqual(listed.sort(), known.sort());
});
