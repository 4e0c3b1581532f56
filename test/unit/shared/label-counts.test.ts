import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  createLabelCounts,
  forgetLabelled,
  LabelCounts,
  LabelReader,
  OTHER,
} from '../../../src/shared/label-counts.ts';
import { FAMILY } from '../../../src/shared/label-families.ts';

const { auth, authSeconds } = FAMILY;

test('a reader adds up what several workers counted under the same labels', () => {
  const buffers = [createLabelCounts(), createLabelCounts()];
  const reader = new LabelReader(() => buffers);
  for (const buffer of buffers) {
    const counts = new LabelCounts(buffer);
    counts.add(counts.at(auth, ['f', 'basic', 'ok']));
    counts.add(counts.at(auth, ['f', 'basic', 'ok']), 2);
    counts.observe(counts.at(authSeconds, ['f']), authSeconds.bounds!, 0.02);
  }
  assert.deepEqual(reader.sums(auth), [{ labels: ['f', 'basic', 'ok'], values: Float64Array.of(6) }]);
  const [{ labels, values }] = reader.sums(authSeconds);
  assert.deepEqual([labels, values[0], [...values.slice(1)].indexOf(2)], [['f'], 0.04, 2]);
});

test('a worker that takes over goes on where the last one stopped', () => {
  const buffer = createLabelCounts();
  const dead = new LabelCounts(buffer);
  dead.add(dead.at(auth, ['é', 'basic', 'ok']));
  const heir = new LabelCounts(buffer);
  assert.equal(heir.at(auth, ['é', 'basic', 'ok']), dead.at(auth, ['é', 'basic', 'ok']));
  heir.add(heir.at(auth, ['é', 'basic', 'ok']));
  assert.deepEqual(new LabelReader(() => [buffer]).sums(auth), [
    { labels: ['é', 'basic', 'ok'], values: Float64Array.of(2) },
  ]);
});

test('what a worker had open when it ended is forgotten, what it has counted is not', () => {
  const buffer = createLabelCounts();
  const dead = new LabelCounts(buffer);
  dead.add(dead.at(auth, ['f', 'basic', 'ok']));
  dead.add(dead.at(FAMILY.backendOpen, ['GET', 'http', 'b']));
  forgetLabelled(buffer, FAMILY.backendOpen);
  const reader = new LabelReader(() => [buffer]);
  assert.deepEqual(reader.sums(FAMILY.backendOpen)[0].values, Float64Array.of(0));
  assert.deepEqual(reader.sums(auth)[0].values, Float64Array.of(1));
});

test('whatever is counted, nothing is lost: what finds no room is counted as (other), and how often is known', () => {
  const label = fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(fc.tuple(label, label), { maxLength: 400 }), (all) => {
      const buffer = createLabelCounts(32_768);
      const counts = new LabelCounts(buffer);
      for (const [frontend, kind] of all) counts.add(counts.at(auth, [frontend, kind, 'ok']));
      const reader = new LabelReader(() => [buffer]);
      const sums = reader.sums(auth);
      const total = sums.reduce((sum, { values }) => sum + values[0], 0);
      assert.equal(total, all.length);
      const other = sums.find(({ labels }) => labels.every((text) => text === OTHER))?.values[0] ?? 0;
      assert.equal(reader.folded(), other);
      assert.ok(reader.used() <= 1);
    }),
    { numRuns: 40 },
  );
});
