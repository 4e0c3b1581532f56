/** Dumps of keys in all their forms, and what tsuji would make of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { checkKeys } from '../../../src/control/check/check.ts';
import { readDump } from '../../../src/control/check/dump.ts';
import {
  headerBlock,
  keysBlocks,
  MAGIC,
  sourceBlock,
  wholeBlock,
} from '../../../src/control/memory/snapshot-format.ts';
import { TsujiError } from '../../../src/kernel/errors.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';

const KEYS: Readonly<Record<string, string>> = {
  'backends/b/servers/s1/url': 'http://10.0.0.1:80',
  'frontends/f/backend': 'b',
  'frontends/f/routes/r/rule': 'Host:a.test',
};
const folder = mkdtempSync(join(tmpdir(), 'tsuji-check-'));
after(() => rmSync(folder, { recursive: true }));

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function v3(keys: Readonly<Record<string, string>>): string {
  const kvs = Object.entries(keys).map(([key, value], i) => ({
    key: base64(`/traefik/${key}`),
    value: base64(value),
    mod_revision: 40 + i,
  }));
  return JSON.stringify({ header: { revision: 50 }, kvs });
}

function v2(keys: Readonly<Record<string, string>>): string {
  const nodes = Object.entries(keys).map(([key, value], i) => ({
    key: `/traefik/${key}`,
    value,
    modifiedIndex: 40 + i,
  }));
  return JSON.stringify({ action: 'get', node: { key: '/traefik', dir: true, nodes } });
}

function snapshot(keys: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([
    MAGIC,
    headerBlock({ prefix: '/traefik', tsuji: '1' }),
    sourceBlock({ name: 'etcdv3', revision: '50', confirmedAt: 1 }),
    ...keysBlocks(new Map(Object.entries(keys)), 1_000, () => false),
    wholeBlock(),
  ]);
}

const lines = Object.entries(KEYS)
  .map(([key, value]) => `/traefik/${key}\n${value}\n`)
  .join('');
const FORMS: Readonly<Record<string, Buffer>> = {
  'etcdctl -w json': Buffer.from(v3(KEYS)),
  'a tree of v2': Buffer.from(v2(KEYS)),
  'lines of etcdctl get': Buffer.from(lines),
  'a snapshot of tsuji': snapshot(KEYS),
};

function check(bytes: Buffer, ...flags: string[]) {
  const parsed = parseFlags(flags, { HOME: folder });
  assert.ok(parsed.kind === 'run', JSON.stringify(parsed));
  return checkKeys(readDump(bytes, '/traefik'), parsed.settings, '/traefik', parsed.withStored);
}

for (const [name, bytes] of Object.entries(FORMS)) {
  test(`${name} gives the keys, and says what is wrong with it wherever it is cut`, () => {
    const { keys, tree } = readDump(bytes, '/traefik');
    assert.deepEqual(Object.fromEntries(keys.map(({ key, value }) => [key, value])), KEYS);
    assert.equal(tree, '/traefik');
    for (let end = 0; end < bytes.length; end++) {
      try {
        const cut = readDump(bytes.subarray(0, end), '/traefik').keys;
        assert.ok(cut.length <= keys.length);
      } catch (error) {
        assert.ok(error instanceof TsujiError, String(error));
      }
    }
  });
}

test('values of several lines, such as certificates, stay whole', () => {
  const text = '/traefik/tls/t/certificate/certfile\n-----BEGIN\nabc\n-----END\n/traefik/alias\n/traefik/conf/2\n';
  const keys = readDump(Buffer.from(text.replace('/traefik/alias\n/traefik/conf/2\n', '')), '/traefik').keys;
  assert.equal(keys[0].value, '-----BEGIN\nabc\n-----END');
});

test('revisions are those of the store', () => {
  assert.deepEqual(
    ['etcdctl -w json', 'a tree of v2', 'lines of etcdctl get'].map(
      (form) => readDump(FORMS[form], '/traefik').keys.find(({ key }) => key === 'frontends/f/backend')!.revision,
    ),
    [41, 41, null],
  );
});

test('what is no dump is told', () => {
  const refusal = (text: string): string => {
    try {
      readDump(Buffer.from(text), '/traefik');
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(refusal(''), /it is empty/);
  assert.match(refusal('{"a":1}'), /neither of etcd v3 \(kvs\) nor of v2 \(node\)/);
  assert.match(refusal('{"kvs":[1]}'), /a key of it has no text/);
  assert.match(refusal('hello'), /neither JSON nor a key below \/traefik\//);
  assert.match(refusal(v3(KEYS).replaceAll(base64('/traefik/frontends/f/backend'), base64('/x/y'))), /^$/);
  const elsewhere = JSON.stringify({ kvs: [{ key: base64('/other/a'), value: '' }] });
  assert.match(refusal(elsewhere), /none of its 1 keys, such as \/other\/a, lies below \/traefik\//);
});

test('good keys are good, and would serve', () => {
  const { good, serves, frontends, servers, counts, others } = check(FORMS['etcdctl -w json']);
  assert.deepEqual([good, serves, frontends, servers, others], [true, true, 1, 1, []]);
  assert.deepEqual(counts, { accepted: 3, warned: 0, defaulted: 0, ignored: 0, rejected: 0 });
});

test('each mistake is told with its key and what was meant, and a frontend without servers by name', () => {
  const report = check(
    Buffer.from(
      v3({
        ...KEYS,
        'frontends/late/backend': 'b',
        'frontends/late/routes/r/rule': 'Host:a.test;PathPrefix:/x',
        'frontends/f/priority': '100',
        'frontends/bad/backend': 'b',
        'frontends/bad/routes/r/rule': 'Host(`b.test`)',
        'frontends/empty/backend': 'e',
        'frontends/empty/routes/r/rule': 'Host:e.test',
        'backends/e/servers/s1/weight': '1',
        'backends/b/servers/s2/url': 'nonsense',
        'tls/t/entrypoints': 'https',
        'tls/t/certificate/certfile': 'no certificate',
        'tls/t/certificate/keyfile': 'no key',
        unknwon: 'x',
      }),
    ),
    '--entryPoints=Name:http Address::80',
    '--entryPoints=Name:https Address::443 TLS',
  );
  const stateOf = (key: string) => report.keys.find((each) => each.key === `/traefik/${key}`)!;
  assert.deepEqual([report.good, report.serves, report.withoutServers], [false, true, ['empty']]);
  assert.match(stateOf('frontends/late/routes/r/rule').reason, /^never reached: frontend "f"/);
  assert.deepEqual(
    [stateOf('frontends/bad/routes/r/rule').state, stateOf('frontends/bad/routes/r/rule').fix],
    ['rejected', 'Host:b.test'],
  );
  assert.match(stateOf('frontends/bad/backend').reason, /is left out: see \/traefik\/frontends\/bad\/routes\/r\/rule/);
  assert.equal(stateOf('backends/b/servers/s2/url').state, 'rejected');
  assert.equal(stateOf('unknwon').state, 'ignored');
  assert.ok(
    [...report.others, ...report.keys].some(
      ({ key, state }) => key.startsWith('/traefik/tls/t') && state === 'rejected',
    ),
  );
  assert.ok(!JSON.stringify(report.keys).includes('no key'));
});

test('settings among the keys count, as they do when tsuji serves', () => {
  const stored = { ...KEYS, 'frontends/f/entrypoints': 'web', 'entrypoints/web/address': ':8000' };
  assert.equal(check(Buffer.from(v3(stored))).serves, true);
  assert.equal(check(Buffer.from(v3({ ...KEYS, 'frontends/f/entrypoints': 'web' }))).serves, false);
});
