import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Slices } from '../../../src/control/routing/slices.ts';
import type { Steps } from '../../../src/kernel/steps.ts';

function* count(told: string[], name: string, steps: number): Steps<string> {
  for (let step = 1; step <= steps; step++) {
    told.push(`${name}${step}`);
    yield;
  }
  return name;
}

const fail = (error: unknown): void => {
  throw error;
};

test('work that fits into one slice is done at once', () => {
  const told: string[] = [];
  new Slices(1_000).run(
    () => count(told, 'a', 3),
    (name) => told.push(`end ${name}`),
    fail,
  );
  assert.deepEqual(told, ['a1', 'a2', 'a3', 'end a']);
});

test('between two slices the loop goes round, and the next work waits until the end of the one before is told', async () => {
  const told: string[] = [];
  const slices = new Slices(0);
  const end = (name: string): void => void told.push(`end ${name}`);
  slices.run(() => count(told, 'a', 3), end, fail);
  slices.run(() => count(told, 'b', 1), end, fail);
  const last = slices.result(() => count(told, 'c', 1));
  while (!told.includes('end b')) {
    told.push('|');
    await setImmediate();
  }
  assert.equal(await last, 'c');
  assert.match(told.join(' '), /^a1 \| a2 \| a3 \| (\| )?end a (\| )*b1 \| (\| )?end b/);
});

test('of all who have long work one makes a slice each time that the loop goes round', async () => {
  const told: string[] = [];
  const ends = ['a', 'b'].map((name) => new Slices(0).result(() => count(told, name, 3)));
  while (!told.includes('a3') || !told.includes('b3')) {
    told.push('|');
    await setImmediate();
  }
  await Promise.all(ends);
  assert.doesNotMatch(told.join(' '), /a[23] b|b[23] a/);
});

test('works that wait share one slice', async (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const told: string[] = [];
  const slices = new Slices(5);
  const work = function* (name: string): Steps<void> {
    now += 2;
    told.push(name);
    yield;
  };
  const first = slices.result(function* (): Steps<void> {
    now += 5;
    yield;
  });
  const others = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => slices.result(() => work(name)));
  await first;
  assert.deepEqual(told, ['a', 'b', 'c']);
  await Promise.all(others);
});

test('an error ends its own work only, wherever it is', async () => {
  const slices = new Slices(0);
  const failing = slices.result(function* (): Steps<string> {
    yield;
    throw new Error('mine');
  });
  slices.run(
    () => count([], 'x', 1),
    () => fail(new Error('of who is told')),
    fail,
  );
  const after = slices.result(() => count([], 'a', 2));
  await assert.rejects(failing, /mine/);
  assert.equal(await after, 'a');
});
