/** What became of copies for mirrors, counted by all workers. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createMirrorCounts, MirrorCounts } from '../../../src/shared/mirror-counts.ts';

test('each pair of names is counted by itself, over all workers', () => {
  const buffer = createMirrorCounts();
  const [one, other, main] = [1, 2, 3].map(() => new MirrorCounts(buffer));
  for (const counts of [one, other]) {
    counts.count(counts.cellOf('f', 'b'), 'ok');
    counts.count(counts.cellOf('f', 'c'), 'skipped');
  }
  other.count(other.cellOf('f', 'b'), 'failed');
  assert.deepEqual(main.totals('f', 'b'), [2, 1, 0]);
  assert.deepEqual(main.totals('f', 'c'), [0, 0, 2]);
  assert.deepEqual(main.totals('fb', ''), [0, 0, 0]);
});

test('more pairs than there is room for do no harm', () => {
  const counts = new MirrorCounts(createMirrorCounts());
  for (let i = 0; i < 4_200; i++) counts.count(counts.cellOf('f', String(i)), 'ok');
  assert.deepEqual(counts.totals('f', '0'), [1, 0, 0]);
  assert.deepEqual(counts.totals('f', '4199'), [105, 0, 0]);
});
