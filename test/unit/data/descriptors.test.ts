import assert from 'node:assert/strict';
import test from 'node:test';
import { descriptorLimit } from '../../../src/control/workers/descriptor-limit.ts';
import { Descriptors } from '../../../src/data/descriptors.ts';
import { createDescriptorCounts, DescriptorCounts } from '../../../src/shared/descriptor-counts.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';

function twoWorkers(most: number, makeRoom = (): number => 0): { all: Descriptors[]; counts: SharedArrayBuffer } {
  const counts = createDescriptorCounts(2);
  const metrics = new MetricsLane(createMetricsLane([1]));
  const all = [0, 1].map((index) => new Descriptors(new DescriptorCounts(counts, index), most, metrics, makeRoom));
  return { all, counts };
}

test('the clients of all workers have half of what there is, and those that go make room', () => {
  const [first, second] = twoWorkers(8).all;
  assert.deepEqual(
    [first, second, first, second].map((worker) => worker.clientAccepted()),
    [true, true, true, true],
  );
  assert.equal(first.clientAccepted(), false);
  first.clientClosed();
  assert.equal(second.clientAccepted(), false);
  second.clientClosed();
  second.clientClosed();
  assert.equal(first.clientAccepted(), true);
});

test('servers are dialed within the whole; where idle connections can go, they do', () => {
  let idle = 0;
  const [first, second] = twoWorkers(6, () => idle).all;
  assert.ok(first.clientAccepted());
  for (let i = 0; i < 5; i++) assert.ok(second.mayDial());
  assert.equal(first.mayDial(), false);
  idle = 1;
  assert.equal(first.mayDial(), true);
  first.serverClosed();
  second.serverClosed();
  idle = 0;
  assert.equal(first.mayDial(), true);
});

test('a worker that takes the place of another begins without its connections', () => {
  const { all, counts } = twoWorkers(2);
  assert.ok(all[0].clientAccepted());
  assert.equal(all[1].clientAccepted(), false);
  all[1].clientClosed();
  new DescriptorCounts(counts, 0);
  assert.equal(all[1].clientAccepted(), true);
});

test('the limit of the system is read, and there may be none', () => {
  const line = (text: string): string =>
    `Max processes             1000  1000  processes\nMax open files            ${text}\n`;
  assert.equal(descriptorLimit(line('256                  4096                 files     ')), 256);
  assert.equal(descriptorLimit(line('unlimited            unlimited            files     ')), null);
  assert.equal(descriptorLimit(''), null);
});
