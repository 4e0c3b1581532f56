/** kv-schema §4.1, `drr`. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { badRatings, Drr, nextWeights } from '../../../../src/control/balancing/drr.ts';

const steady = (good: number, bad: number) => Array.from({ length: 10 }, () => ({ good, bad }));

test('a server is bad when its rating is far above the median', () => {
  assert.deepEqual(badRatings([0, 0, 0.5]), [false, false, true]);
  assert.deepEqual(badRatings([0, 0.5]), [false, true]);
  assert.deepEqual(badRatings([0, 0, 0]), [false, false, false]);
  assert.deepEqual(badRatings([0.1, 0.11, 0.12]), [false, false, false]);
});

test('good servers get four times their weight, up to 4096, and all is divided by what they share', () => {
  const servers = [
    { weight: 1, seconds: steady(10, 0) },
    { weight: 1, seconds: steady(10, 0) },
    { weight: 1, seconds: steady(5, 5) },
  ];
  assert.deepEqual(nextWeights(servers, [1, 1, 1]), [4, 4, 1]);
  assert.deepEqual(nextWeights(servers, [4, 4, 1]), [16, 16, 1]);
  assert.deepEqual(nextWeights(servers, [4096, 4096, 1]), [4096, 4096, 1]);
  assert.deepEqual(nextWeights(servers, [4, 4, 8]), [2, 2, 1]);
});

test('when all are well again, weights return by quarters and not below what is configured', () => {
  const servers = [
    { weight: 3, seconds: steady(10, 0) },
    { weight: 1, seconds: steady(10, 0) },
  ];
  assert.deepEqual(nextWeights(servers, [192, 1]), [48, 1]);
  assert.deepEqual(nextWeights(servers, [12, 1]), [3, 1]);
  const asConfigured = [3, 1];
  assert.equal(nextWeights(servers, asConfigured), asConfigured);
});

test('without ten seconds that have samples nothing changes', () => {
  const current = [1, 1];
  const quiet = { weight: 1, seconds: steady(10, 0).map((second, i) => (i === 0 ? { good: 0, bad: 0 } : second)) };
  const failing = { weight: 1, seconds: steady(0, 10) };
  assert.equal(nextWeights([quiet, failing], current), current);
  assert.equal(nextWeights([failing], current), current);
});

test('a failing server loses its share after ten seconds, and has it back after it recovered', () => {
  const drr = new Drr();
  let second = 0;
  const failing = { ended: 0, bad: 0 };
  const changes: string[] = [];
  const pass = (bad: number): void => {
    second++;
    failing.ended = (failing.ended + 10) >>> 0;
    failing.bad += bad;
    const sample = (slot: number) => ({ slot, weight: 1, ended: second * 10, bad: 0 });
    if (drr.second([sample(7), sample(8), { slot: 9, weight: 1, ...failing }])) {
      changes.push(`${second}: ${[7, 8, 9].map((slot) => drr.weight(slot, 1)).join()}`);
    }
  };
  for (let i = 0; i < 25; i++) pass(5);
  assert.deepEqual(changes, ['11: 4,4,1', '21: 16,16,1']);
  for (let i = 0; i < 40; i++) pass(0);
  assert.deepEqual(changes.at(-1)?.split(': ')[1], '1,1,1');
});
