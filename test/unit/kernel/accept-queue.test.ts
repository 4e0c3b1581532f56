import assert from 'node:assert/strict';
import test from 'node:test';
import { whenQueueIsEmpty } from '../../../src/kernel/accept-queue.ts';

test('a listener is not closed as long as each turn of the loop finds somebody waiting, and once when none does', async () => {
  let accepted = 0;
  let closedAt = -1;
  let closes = 0;
  const arrive = (): void => {
    if (accepted < 50) setImmediate(arrive);
    accepted++;
  };
  setImmediate(arrive);
  await new Promise<void>((resolve) => {
    whenQueueIsEmpty(
      () => accepted,
      () => {
        closes++;
        closedAt = accepted;
        resolve();
      },
    );
  });
  assert.deepEqual([closedAt, closes], [51, 1]);
});

test('one that never runs dry is closed all the same', async () => {
  let asked = 0;
  await new Promise<void>((resolve) => whenQueueIsEmpty(() => asked++, resolve));
  assert.ok(asked > 100 && asked < 10_000, `${asked}`);
});
