import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  createHistograms,
  HistogramOwner,
  HistogramReader,
  Histograms,
  IDLE_S,
} from '../../../src/shared/histograms.ts';
import { latencyBucket } from '../../../src/shared/latency.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../src/shared/metrics-layout.ts';
import { MetricsReader } from '../../../src/shared/metrics-reader.ts';

const NOW = 4_000_000_000;

test('what was answered is told of all workers together, apart for each frontend and server', () => {
  const buffers = [createHistograms(), createHistograms()];
  const reader = new HistogramReader(buffers);
  assert.equal(reader.total(HistogramOwner.ofFrontend('shop')), null);
  const workers = buffers.map((buffer) => new Histograms(buffer));
  for (const [worker, status, seconds] of [
    [0, 200, 0.001],
    [1, 204, 0.001],
    [0, 503, 0.25],
    [1, 0, -1],
  ] as const) {
    workers[worker].answered(HistogramOwner.ofFrontend('shop'), status, seconds, NOW + status);
  }
  workers[1].answered(HistogramOwner.ofServer(7), 101, -1, NOW);

  const { answers, latency, lastHit } = reader.total(HistogramOwner.ofFrontend('shop'))!;
  assert.deepEqual([...answers], [0, 2, 0, 0, 1, 1]);
  assert.deepEqual([latency[latencyBucket(0.001)], latency[latencyBucket(0.25)]], [2, 1]);
  assert.equal(lastHit, NOW + 503);
  assert.deepEqual([...reader.answers(HistogramOwner.ofServer(7))!], [1, 0, 0, 0, 0, 0]);
  assert.equal(reader.answers(HistogramOwner.ofServer(8)), null);

  reader.forget(HistogramOwner.ofServer(7));
  assert.deepEqual([...reader.answers(HistogramOwner.ofServer(7))!], [0, 0, 0, 0, 0, 0]);
});

test('a worker that takes over goes on in the records that there are', () => {
  const buffer = createHistograms();
  const owner = HistogramOwner.ofFrontend('shop');
  new Histograms(buffer).answered(owner, 200, 0.1, NOW);
  new Histograms(buffer).answered(HistogramOwner.ofFrontend('shop'), 200, 0.1, NOW);
  assert.equal(new HistogramReader([buffer]).answers(owner)![1], 2);
});

test('beyond its records it counts for all others together, until some were idle for an hour and are given away', () => {
  const buffer = createHistograms(4);
  const [histograms, reader] = [new Histograms(buffer), new HistogramReader([buffer])];
  const owners = ['a', 'b', 'c', 'd', 'e'].map(HistogramOwner.ofFrontend);
  const hit = (index: number, now: number): void => histograms.answered(owners[index], 200, 0.1, now);
  for (let i = 0; i < 4; i++) hit(i, NOW);
  assert.equal(reader.answers(owners[3]), null);
  assert.equal(reader.folded(), 1);

  hit(0, NOW + IDLE_S);
  hit(3, NOW + IDLE_S);
  hit(3, NOW + IDLE_S);
  hit(4, NOW + IDLE_S);
  const counted = owners.map((owner) => reader.answers(owner)?.[1] ?? null);
  assert.deepEqual(counted, [2, null, null, 2, 1]);
  hit(1, NOW + IDLE_S);
  assert.deepEqual([reader.answers(owners[1]), reader.folded()], [null, 2]);
});

test('whatever comes in whatever order, each count is that of its owner', () => {
  const hits = fc.array(fc.tuple(fc.nat(1), fc.nat(30), fc.nat(5)), { maxLength: 200 });
  fc.assert(
    fc.property(hits, (all) => {
      const buffers = [createHistograms(64), createHistograms(64)];
      const workers = buffers.map((buffer) => new Histograms(buffer));
      const reader = new HistogramReader(buffers);
      const owners = Array.from({ length: 31 }, (_, i) =>
        i % 2 === 0 ? HistogramOwner.ofServer(i) : HistogramOwner.ofFrontend(`f${i}`),
      );
      // A worker keeps places of its own.
      const places = workers.map(() => owners.map((owner) => Object.assign(Object.create(owner), { at: -1 })));
      const expected = owners.map(() => 0);
      for (const [worker, owner, seconds] of all) {
        workers[worker].answered(places[worker][owner], 200, seconds, NOW);
        expected[owner]++;
        if (seconds === 5) assert.equal(reader.answers(owners[owner])![1], expected[owner]);
      }
      const counted = owners.map((owner) => reader.total(owner)?.latency.reduce((sum, count) => sum + count, 0) ?? 0);
      assert.deepEqual(counted, expected);
    }),
    { numRuns: 50 },
  );
});

test('how long a WebSocket was open is no response time of its backend', () => {
  const buffer = createMetricsLane([1], { series: 64, summaries: 64 });
  const lane = new MetricsLane(buffer);
  const place = [3, 'GET', 101] as const;
  lane.backendDone(...place, PROTOCOL.websocket, 3_600, 0, 0);
  lane.backendDone(...place, PROTOCOL.http, 0.1, 0, 0);
  const reader = new MetricsReader(() => [buffer]);
  const [owner, { count }] = [...reader.summaries()][0];
  assert.equal(count, 2);
  assert.equal(
    reader.latency(owner).reduce((sum, each) => sum + each, 0),
    1,
  );
});
