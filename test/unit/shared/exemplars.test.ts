import assert from 'node:assert/strict';
import test from 'node:test';
import { createExemplars, ExemplarReader, Exemplars } from '../../../src/shared/exemplars.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../src/shared/metrics-layout.ts';
import { forgetBackend, MetricsReader } from '../../../src/shared/metrics-reader.ts';

const BOUNDS = [0.1, 1];
const id = (digit: string): string => `8${digit.repeat(31)}`;

test('of each bucket the newest exemplar of all workers is told', () => {
  const lanes = [createMetricsLane(BOUNDS), createMetricsLane(BOUNDS)];
  const buffers = [createExemplars(BOUNDS.length), createExemplars(BOUNDS.length)];
  const workers = lanes.map((lane, i) => ({ lane: new MetricsLane(lane), exemplars: new Exemplars(buffers[i]) }));
  const seen = (worker: number, traceId: string, seconds: number, time: number): void => {
    const { lane, exemplars } = workers[worker];
    const place = lane.backendDone(3, 'GET', 200, PROTOCOL.http, seconds, 0, 0);
    if (traceId !== '') exemplars.set(place, traceId, seconds, time);
  };
  workers[1].lane.entryPointDone(0, 'POST', 500, PROTOCOL.http, 0.05, 0, 0);
  seen(0, id('a'), 0.05, 100);
  seen(1, id('b'), 0.06, 102);
  seen(0, id('c'), 0.07, 101);
  seen(1, '', 0.08, 103);
  seen(1, id('d'), 7, 104);
  const [series] = new MetricsReader(() => lanes).series().filter(({ method }) => method === 'GET');
  const told = () => [0, 1, 2].map((bucket) => new ExemplarReader(buffers, 3).newest(series, bucket));
  assert.deepEqual(told(), [
    { traceId: id('b'), value: 0.06, time: 102 },
    null,
    { traceId: id('d'), value: 7, time: 104 },
  ]);

  forgetBackend(lanes, buffers, 3);
  assert.deepEqual(told(), [null, null, null]);
});

test('one that is being written is not told, and whoever takes over writes it anew', () => {
  const buffer = createExemplars(BOUNDS.length);
  const exemplars = new Exemplars(buffer);
  exemplars.set(1, id('a'), 0.5, 100);
  new Int32Array(buffer)[10] |= 1;
  assert.equal(exemplars.get(1), null);
  new Exemplars(buffer).set(1, id('0'), 0.5, 101);
  assert.deepEqual(exemplars.get(1), { traceId: id('0'), value: 0.5, time: 101 });
});

test('series beyond the room for them have none', () => {
  const buffer = createExemplars(0);
  const exemplars = new Exemplars(buffer);
  const first = buffer.byteLength / 40;
  exemplars.set(first, id('a'), 1, 1);
  assert.deepEqual([exemplars.get(first), exemplars.get(first - 1)], [null, null]);
});
