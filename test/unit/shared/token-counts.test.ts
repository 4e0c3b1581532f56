/** Counts per token that several workers share: exact, bounded, and without what a dead worker held. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createTokenCounts, TokenCounts } from '../../../src/shared/token-counts.ts';

const LONG = 'x'.repeat(36);

test('a token is taken as often as allowed, and again when it was released', () => {
  const counts = new TokenCounts(createTokenCounts(2));
  const first = counts.take(0, 7, 'a.example.com', 2);
  const second = counts.take(1, 7, 'a.example.com', 2);
  assert.ok(first > 0 && second > 0);
  assert.equal(counts.take(0, 7, 'a.example.com', 2), 0);
  assert.ok(counts.take(0, 8, 'a.example.com', 2) > 0, 'of another backend');
  assert.deepEqual([counts.inProgress(7), counts.refused(7), counts.inProgress(8)], [2, 1, 1]);
  counts.release(1, second);
  assert.ok(counts.take(0, 7, 'a.example.com', 2) > 0);
  assert.equal(counts.take(0, 7, 'a.example.com', 0), 0);
  assert.equal(counts.take(0, 9, 'a.example.com', -1), 0);
});

test('tokens that differ only in their last byte are two, however long they are; the empty one is one', () => {
  const counts = new TokenCounts(createTokenCounts(1));
  const stems = ['', 'a', LONG.slice(1), LONG, LONG + LONG, 'é'.repeat(17), '\0'];
  const tokens = new Set(stems.flatMap((stem) => ['', '0', '1', '\0'].map((end) => `${stem}${end}`)));
  tokens.delete('');
  for (const token of tokens) {
    assert.ok(counts.take(0, 1, token, 1) > 0, JSON.stringify(token));
    assert.equal(counts.take(0, 1, token, 1), 0);
  }
  assert.ok(counts.take(0, 1, '', 1) > 0);
  assert.equal(counts.take(0, 1, '', 1), 0);
});

test('as many tokens as there are exchanges find room, and when all is released all is free again', () => {
  const counts = new TokenCounts(createTokenCounts(1));
  for (let round = 0; round < 3; round++) {
    const cells: number[] = [];
    for (let i = 0; i < 150_000; i++) {
      const cell = counts.take(0, 3, `client ${round} ${i}`, 1);
      assert.ok(cell > 0, `token ${i}`);
      cells.push(cell);
    }
    assert.equal(counts.inProgress(3), 150_000);
    for (const cell of cells) counts.release(0, cell);
    assert.equal(counts.inProgress(3), 0);
  }
});

test('when the table is full the next token is refused, and nothing else suffers', () => {
  const counts = new TokenCounts(createTokenCounts(1));
  const cells: number[] = [];
  for (let i = 0; i < 300_000; i++) {
    const cell = counts.take(0, 3, String(i), 5);
    if (cell > 0) cells.push(cell);
  }
  assert.ok(cells.length > 250_000 && cells.length < 300_000, String(cells.length));
  assert.equal(counts.refused(3), 300_000 - cells.length);
  for (const cell of cells) counts.release(0, cell);
  assert.equal(counts.inProgress(3), 0);
  assert.ok(counts.take(0, 3, 'again', 1) > 0);
});

type Step = { kind: 'take' | 'release' | 'die'; lane: number; token: number; most: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('take', 'take', 'take', 'release', 'release', 'die'),
  lane: fc.nat(2),
  token: fc.nat(4),
  most: fc.integer({ min: 0, max: 4 }),
});

test('over any course of takes, releases and deaths it counts as a list of what is held does', () => {
  const buffer = createTokenCounts(3);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const views = [0, 1, 2].map(() => new TokenCounts(buffer));
      let held: { lane: number; token: number; cell: number }[] = [];
      for (const { kind, lane, token, most } of steps) {
        if (kind === 'take') {
          const inUse = held.filter((one) => one.token === token).length;
          const cell = views[lane].take(lane, 1, `${LONG}${token}`, most);
          assert.equal(cell > 0, inUse < most);
          if (cell > 0) held.push({ lane, token, cell });
        } else if (kind === 'release') {
          const one = held.find((candidate) => candidate.lane === lane);
          if (one === undefined) continue;
          held = held.filter((candidate) => candidate !== one);
          views[lane].release(lane, one.cell);
        } else {
          held = held.filter((one) => one.lane !== lane);
          views[0].laneDied(lane);
        }
        assert.equal(views[0].inProgress(1), held.length);
      }
      for (const { lane, cell } of held) views[lane].release(lane, cell);
      assert.equal(views[0].inProgress(1), 0);
    }),
  );
});

const HAMMER = `
import { workerData, parentPort } from 'node:worker_threads';
const { TokenCounts } = await import(workerData.module);
const counts = new TokenCounts(workerData.buffer);
const seen = new Int32Array(workerData.seen);
let most = 0;
for (let i = 0; i < 30_000; i++) {
  const token = i % 3;
  const cell = counts.take(workerData.lane, 5, 'token ' + token, 2);
  if (cell === 0) continue;
  most = Math.max(most, Atomics.add(seen, token, 1) + 1);
  Atomics.sub(seen, token, 1);
  counts.release(workerData.lane, cell);
}
parentPort.postMessage(most);
`;

test('threads that take and release at the same time never hold more than allowed, and leave nothing', async () => {
  const buffer = createTokenCounts(4);
  const seen = new SharedArrayBuffer(64);
  const module = new URL('../../../src/shared/token-counts.ts', import.meta.url).href;
  const most = await Promise.all(
    [0, 1, 2, 3].map(
      (lane) =>
        new Promise<number>((resolve, reject) => {
          const url = new URL(`data:text/javascript,${encodeURIComponent(HAMMER)}`);
          const thread = new Worker(url, { workerData: { module, buffer, seen, lane } });
          thread.once('message', resolve);
          thread.once('error', reject);
        }),
    ),
  );
  for (const value of most) assert.ok(value <= 2, `${value} at once`);
  assert.equal(new TokenCounts(buffer).inProgress(5), 0);
});

type QueueStep = { kind: 'ask' | 'release' | 'withdraw' | 'collect' | 'die'; lane: number; token: number };
const queueStep: fc.Arbitrary<QueueStep> = fc.record({
  kind: fc.constantFrom('ask', 'ask', 'ask', 'ask', 'release', 'release', 'release', 'withdraw', 'collect', 'die'),
  lane: fc.nat(2),
  token: fc.nat(2),
});
type One = { lane: number; token: number; cell: number };

test('over any course, who waits is served in order, whatever worker it belongs to, and nothing is left behind', () => {
  const LIMIT = 2;
  const PLACES = 5;
  const buffer = createTokenCounts(3);
  fc.assert(
    fc.property(fc.array(queueStep, { maxLength: 120 }), (steps) => {
      const views = [0, 1, 2].map(() => new TokenCounts(buffer));
      /** `cell`: of the slot, or of the place. */
      let held: One[] = [];
      let waiting: One[] = [];
      let granted: One[] = [];
      const slots = (token: number): number => [...held, ...granted].filter((one) => one.token === token).length;
      const serve = (): void => {
        for (const one of waiting) {
          if (slots(one.token) >= LIMIT) continue;
          waiting = waiting.filter((other) => other !== one);
          granted.push(one);
        }
      };
      const collect = (lane: number): void => {
        const expected = granted.filter((one) => one.lane === lane);
        const got = views[lane].collect(lane);
        assert.deepEqual(
          got.map(({ waiter }) => waiter),
          expected.map(({ cell }) => cell),
        );
        granted = granted.filter((one) => one.lane !== lane);
        for (const [i, { cell }] of got.entries()) held.push({ ...expected[i], cell });
      };
      const release = (one: One): void => {
        held = held.filter((other) => other !== one);
        views[one.lane].release(one.lane, one.cell);
        serve();
      };
      for (const { kind, lane, token } of steps) {
        const mine = (ones: readonly One[]): One | undefined => ones.find((one) => one.lane === lane);
        if (kind === 'ask') {
          const taken = views[lane].takeOrWait(lane, 1, `token ${token}`, LIMIT, PLACES);
          const isFree = slots(token) < LIMIT;
          assert.equal(Math.sign(taken), isFree ? 1 : waiting.length < PLACES ? -1 : 0);
          if (taken > 0) held.push({ lane, token, cell: taken });
          if (taken < 0) waiting.push({ lane, token, cell: -taken });
        } else if (kind === 'release') {
          const one = mine(held);
          if (one !== undefined) release(one);
        } else if (kind === 'withdraw') {
          const one = mine(waiting) ?? mine(granted);
          if (one === undefined) continue;
          assert.equal(views[lane].withdraw(lane, one.cell), waiting.includes(one));
          waiting = waiting.filter((other) => other !== one);
        } else if (kind === 'collect') {
          collect(lane);
        } else {
          const others = (ones: readonly One[]): One[] => ones.filter((one) => one.lane !== lane);
          [held, waiting, granted] = [others(held), others(waiting), others(granted)];
          views[0].laneDied(lane);
          // Stripe by stripe, so that the order over several tokens is not told.
          serve();
          const got = [0, 1, 2].flatMap((each) => views[each].collect(each).map((grant) => ({ ...grant, lane: each })));
          assert.deepEqual(got.map(({ waiter }) => waiter).sort(), granted.map(({ cell }) => cell).sort());
          for (const { waiter, cell } of got) held.push({ ...granted.find((one) => one.cell === waiter)!, cell });
          granted = [];
        }
        assert.deepEqual([views[0].inProgress(1), views[0].waiting(1)], [held.length + granted.length, waiting.length]);
      }
      for (const one of waiting) assert.ok(views[one.lane].withdraw(one.lane, one.cell));
      waiting = [];
      for (const lane of [0, 1, 2]) collect(lane);
      for (const one of held) release(one);
      assert.deepEqual([views[0].inProgress(1), views[0].waiting(1)], [0, 0]);
    }),
  );
});

test('the bell of a worker rings when a slot is granted to it', async () => {
  const counts = new TokenCounts(createTokenCounts(2));
  const first = counts.take(0, 1, 'a', 1);
  const waiter = -counts.takeOrWait(1, 1, 'a', 1, 9);
  const rung = counts.ring(1, counts.rings(1));
  counts.release(0, first);
  await rung;
  assert.deepEqual(
    counts.collect(1).map((granted) => granted.waiter),
    [waiter],
  );
  await counts.ring(1, counts.rings(1) - 1);
});
