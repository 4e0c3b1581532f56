import assert from 'node:assert/strict';
import test from 'node:test';
import { workerHeap } from '../../../src/control/workers/worker-heap.ts';

test('workers share half of the memory, within bounds, unless the flag says how much one has', () => {
  const old = (asked: number, workers: number, memory: number): number | undefined =>
    workerHeap(asked, workers, memory).maxOldGenerationSizeMb;
  assert.equal(old(0, 2, 4_096), 1_024);
  assert.equal(old(0, 8, 2_048), 256);
  assert.equal(old(0, 2, 131_072), 4_096);
  assert.equal(old(96, 2, 131_072), 96);
});

test('the young generation of a small heap is small', () => {
  assert.deepEqual(
    [4_096, 1_024, 96].map((asked) => workerHeap(asked, 1, 8_192).maxYoungGenerationSizeMb),
    [192, 48, 24],
  );
});
