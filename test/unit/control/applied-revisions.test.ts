import assert from 'node:assert/strict';
import test from 'node:test';
import { AppliedRevisions, type Revisions } from '../../../src/control/routing/applied-revisions.ts';

function at(revision: number): Revisions {
  return new Map([['etcdv3', String(revision)]]);
}

test('a revision is applied when every worker has the table that was made of it, and not before', async () => {
  const revisions = new AppliedRevisions();
  const seven = revisions.wait('etcdv3', 7, 60_000);
  revisions.took(at(7));
  revisions.settle(0, true);
  assert.equal(revisions.applied.size, 0);
  revisions.tell(1);
  revisions.settle(0, true);
  // More has come while the table was made: it is in the next one.
  revisions.took(at(8));
  revisions.settle(1, true);
  assert.deepEqual(revisions.applied, at(7));
  assert.equal(await seven, true);
  revisions.tell(2);
  revisions.settle(1, false);
  assert.deepEqual(revisions.applied, at(7), 'the table of 8 is on its way');
  revisions.settle(2, false);
  assert.deepEqual(revisions.applied, at(8));
});

test('a revision that changes no route is applied when nothing older is on its way', async () => {
  const revisions = new AppliedRevisions();
  revisions.took(at(1));
  revisions.tell(1);
  revisions.settle(1, false);
  revisions.took(at(2));
  revisions.settle(1, true);
  assert.deepEqual(revisions.applied, at(1));
  revisions.settle(1, false);
  assert.deepEqual(revisions.applied, at(2));
  assert.equal(await revisions.wait('etcdv3', 2, 0), true);
});

test('a revision that touches nothing of ours is applied when the source has heard of it and all before is', async () => {
  let heard = at(7);
  let received = '7';
  const revisions = new AppliedRevisions({ heard: () => heard, received: () => received });
  revisions.took(at(7));
  revisions.tell(1);
  const nine = revisions.wait('etcdv3', 9, 60_000);
  const ten = revisions.wait('etcdv3', 10, 60_000);
  heard = at(9);
  revisions.look();
  assert.deepEqual(revisions.upTo, new Map(), 'the table of 7 is on its way');
  revisions.settle(1, false);
  assert.equal(await nine, true);
  assert.deepEqual([revisions.applied, revisions.upTo], [at(7), at(9)]);
  heard = at(10);
  received = '10';
  revisions.look();
  assert.deepEqual(revisions.upTo, at(7), 'what came with 10 is in no table');
  revisions.took(at(10));
  revisions.settle(1, false);
  assert.equal(await ten, true);
});

test('a steady stream of changes keeps nobody waiting for its end', async () => {
  const revisions = new AppliedRevisions();
  const done: number[] = [];
  for (let i = 1; i <= 50; i++) void revisions.wait('etcdv3', i, 60_000)!.then(() => done.push(i));
  for (let i = 1; i <= 50; i++) {
    revisions.took(at(i));
    revisions.tell(i);
    revisions.settle(i - 1, true);
    await new Promise(setImmediate);
    assert.equal(done.length, i - 1);
  }
});

test('whoever waits for what does not come is told so, and there is an end to how many may', async () => {
  const revisions = new AppliedRevisions();
  assert.equal(await revisions.wait('etcdv3', 1, 1), false);
  assert.equal(await revisions.wait('etcdv2', 1, 0), false);
  const waiting = Array.from({ length: 256 }, () => revisions.wait('etcdv3', 1, 60_000));
  assert.equal(revisions.wait('etcdv3', 1, 60_000), null);
  revisions.stop();
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([false]));
  assert.notEqual(revisions.wait('etcdv3', 1, 0), null);
});
