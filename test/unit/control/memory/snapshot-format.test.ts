import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  changesBlock,
  confirmedBlock,
  headerBlock,
  keysBlocks,
  MAGIC,
  readSnapshot,
  type SourceMark,
  sourceBlock,
  wholeBlock,
} from '../../../../src/control/memory/snapshot-format.ts';
import type { Change } from '../../../../src/control/source/source.ts';
import { TsujiError } from '../../../../src/kernel/errors.ts';

const HEADER = { prefix: '/traefik', tsuji: '1.2.3' };

const isLeased = (key: string): boolean => key.startsWith('backends/');

function markOf(name: SourceMark['name'], revision: string): SourceMark {
  return { name, revision, confirmedAt: 5 };
}

function baseOf(entries: ReadonlyMap<string, string>, pieceBytes = 64): Buffer {
  return Buffer.concat([
    MAGIC,
    headerBlock(HEADER),
    sourceBlock(markOf('etcdv3', '7')),
    ...keysBlocks(entries, pieceBytes, isLeased),
    sourceBlock(markOf('etcdv2', '9')),
    wholeBlock(),
  ]);
}

function refusal(file: Buffer): string {
  try {
    readSnapshot(file);
  } catch (error) {
    assert.ok(error instanceof TsujiError && error.code === 'SNAPSHOT_REFUSED', String(error));
    return error.message;
  }
  return '';
}

const KEYS = new Map([
  ['backends/b/servers/s/url', 'http://10.0.0.1:80'],
  ['frontends/ﬀ/backend', 'b'],
  ['empty', ''],
]);

test('what was written is read, with what has changed since, and when it was last confirmed', () => {
  const file = Buffer.concat([
    baseOf(KEYS),
    changesBlock(
      { ...markOf('etcdv3', '8'), tree: '/blue' },
      [
        { key: 'empty', value: null },
        { key: 'new', value: 'ü' },
      ],
      isLeased,
    ),
    confirmedBlock([{ ...markOf('etcdv2', '10'), confirmedAt: 99 }]),
  ]);
  const { header, sources, damaged } = readSnapshot(file);
  assert.deepEqual(header, HEADER);
  assert.equal(damaged, 0);
  const [v3, v2] = sources;
  const { entries, leased, ...mark } = v3;
  assert.deepEqual([...leased], ['backends/b/servers/s/url']);
  assert.deepEqual(mark, { name: 'etcdv3', revision: '8', confirmedAt: 5, tree: '/blue' });
  assert.deepEqual([...entries].sort(), [...KEYS, ['new', 'ü']].filter(([key]) => key !== 'empty').sort());
  assert.deepEqual(
    { ...v2, entries: v2.entries.size, leased: v2.leased.size },
    { name: 'etcdv2', revision: '10', confirmedAt: 99, entries: 0, leased: 0 },
  );
});

test('any keys and any history of them are read as they were', () => {
  const key = fc.string({ unit: 'binary', maxLength: 20 });
  const change = fc.record({ key, value: fc.option(fc.string({ unit: 'grapheme', maxLength: 200 })) });
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.string()),
      fc.array(fc.array(change)),
      fc.integer({ min: 1, max: 300 }),
      (keys, history, piece) => {
        const now = new Map(Object.entries(keys));
        const blocks = [baseOf(now, piece)];
        for (const [i, changes] of history.entries()) {
          blocks.push(changesBlock(markOf('etcdv3', String(i)), changes as Change[], (name) => name.length % 2 === 0));
          for (const { key: name, value } of changes) value === null ? now.delete(name) : now.set(name, value);
        }
        const [v3] = readSnapshot(Buffer.concat(blocks)).sources;
        assert.deepEqual([...v3.entries].sort(), [...now].sort());
        assert.ok([...v3.leased].every((name) => now.has(name)));
      },
    ),
    { numRuns: 30 },
  );
});

test('a file that is cut anywhere is refused, or is one that was there before', () => {
  const base = baseOf(KEYS);
  const first = changesBlock(markOf('etcdv3', '8'), [{ key: 'a', value: '1' }], isLeased);
  const second = changesBlock(markOf('etcdv3', '9'), [{ key: 'a', value: '2' }], isLeased);
  const file = Buffer.concat([base, first, second]);
  for (let end = 0; end <= file.length; end++) {
    const cut = file.subarray(0, end);
    if (end < base.length) {
      assert.match(refusal(cut), /it is (no snapshot|cut off|damaged)|it has the format/, `cut at ${end}`);
      continue;
    }
    const { sources, damaged } = readSnapshot(cut);
    const whole = [base.length, base.length + first.length, file.length].findLast((at) => at <= end)!;
    assert.equal(damaged, end - whole);
    assert.equal(sources[0].revision, whole === base.length ? '7' : whole === file.length ? '9' : '8');
  }
});

test('a byte that has changed anywhere in the keys refuses the file, and behind them ends it there', () => {
  const base = baseOf(KEYS);
  const file = Buffer.concat([base, changesBlock(markOf('etcdv3', '8'), [{ key: 'a', value: '1' }], isLeased)]);
  for (let at = 0; at < file.length; at++) {
    const bad = Buffer.from(file);
    bad[at] ^= 0x10;
    if (at < base.length) assert.notEqual(refusal(bad), '', `byte ${at}`);
    else assert.equal(readSnapshot(bad).sources[0].revision, '7', `byte ${at}`);
  }
});

test('a file of the version before, in which no key has a lease, is read', () => {
  const file = baseOf(new Map([['frontends/f/backend', 'b']]));
  file.write('1', file.indexOf('\n') - 1);
  assert.equal(readSnapshot(file).sources[0].entries.size, 1);
});

test('a file of another program or of another format is refused by what it is', () => {
  assert.equal(refusal(Buffer.alloc(0)), 'it is no snapshot of tsuji');
  assert.equal(refusal(Buffer.from('\x7fELF'.padEnd(500))), 'it is no snapshot of tsuji');
  const other = Buffer.from(`tsuji snapshot 22\n${'x'.repeat(100)}`);
  assert.equal(refusal(other), 'it has the format "22", and this tsuji reads 1 and 2');
});
