import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { LATENCY_BUCKETS, latencyBucket, latencyMiddle } from '../../../src/shared/latency.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../src/shared/metrics-layout.ts';
import { MetricsReader, ownerOf, type Series } from '../../../src/shared/metrics-reader.ts';

const BUCKETS = [0.01, 0.1, 1];

function backendSeries(reader: MetricsReader, slot: number): Series[] {
  return reader.series().filter(({ owner }) => {
    const who = ownerOf(owner);
    return who.kind === 'backend' && who.slot === slot;
  });
}

function bucketsOf(series: Series): number[] {
  const sums = new Float64Array(BUCKETS.length + 1);
  series.buckets(sums);
  return [...sums];
}

test('every duration falls into a bucket whose middle is at most 1/16 away', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 2 ** 27 - 1 }), (microseconds) => {
      // Half a microsecond on, so that the conversion to seconds cannot round below the integer.
      const bucket = latencyBucket((microseconds + 0.5) / 1e6);
      assert.ok(Math.abs(latencyMiddle(bucket) - microseconds) <= microseconds / 16);
    }),
  );
});

test('latency buckets ascend without a gap and clamp what lies outside', () => {
  for (let bucket = 1; bucket < LATENCY_BUCKETS; bucket++) {
    assert.ok(latencyMiddle(bucket) > latencyMiddle(bucket - 1));
    assert.equal(latencyBucket((latencyMiddle(bucket) + 0.25) / 1e6), bucket);
  }
  assert.equal(latencyBucket(0), 0);
  assert.equal(latencyBucket(-1), 0);
  assert.equal(latencyBucket(Number.NaN), 0);
  assert.equal(latencyBucket(1e9), LATENCY_BUCKETS - 1);
  assert.equal(latencyBucket(Number.POSITIVE_INFINITY), LATENCY_BUCKETS - 1);
});

test('a reader sums what several lanes counted', () => {
  const buffers = [createMetricsLane(BUCKETS), createMetricsLane(BUCKETS)];
  const [first, second] = buffers.map((buffer) => new MetricsLane(buffer));
  const reader = new MetricsReader(() => buffers);
  first.entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.005, 10, 100);
  second.entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.1, 1, 2);
  second.entryPointDone(0, 'GET', 200, PROTOCOL.http, 7, 0, 0);
  second.entryPointDone(1, 'POST', 503, PROTOCOL.sse, 0.5, 0, 0);

  const [plain, events] = [...reader.series()].sort((a, b) => a.owner - b.owner);
  assert.equal(plain.count, 3);
  assert.ok(Math.abs(plain.seconds - 7.105) < 1e-9);
  assert.equal(plain.requestBytes, 11);
  assert.equal(plain.responseBytes, 102);
  // A value on the bound belongs to its bucket (le).
  assert.deepEqual(bucketsOf(plain), [1, 1, 0, 1]);
  assert.deepEqual([events.method, events.code, events.protocol, events.count], ['POST', 503, 'sse', 1]);
  assert.deepEqual(reader.summaries().get(1), { owner: 1, count: 1, errors: 1, retries: 0, retriesRefused: 0 });
  assert.equal(
    reader.latency(0).reduce((sum, count) => sum + count, 0),
    3,
  );
});

test('a method outside the fixed set and a code outside of HTTP get the labels for strangers', () => {
  const buffer = createMetricsLane(BUCKETS);
  const lane = new MetricsLane(buffer);
  for (const method of ['BREW', 'get', '', 'X'.repeat(9000)]) lane.backendDone(0, method, 99, 0, 0.1, 0, 0);
  lane.backendDone(0, 'PURGE', 1000, 7, 0.1, 0, 0);
  const series = backendSeries(new MetricsReader(() => [buffer]), 0);
  assert.equal(series.length, 1);
  assert.deepEqual([series[0].method, series[0].code, series[0].count], ['EXTENSION_METHOD', 0, 5]);
  assert.equal(series[0].protocol, 'http');
});

test('a worker that takes over a lane goes on counting and starts with nothing open', () => {
  const buffer = createMetricsLane(BUCKETS);
  const reader = new MetricsReader(() => [buffer]);
  const dead = new MetricsLane(buffer);
  dead.exchangeOpened(2, 'GET', PROTOCOL.websocket);
  dead.upstreamOpened();
  dead.backendDone(70_000, 'GET', 200, PROTOCOL.http, 0.02, 0, 5);
  dead.retries(70_000);
  assert.deepEqual(reader.openExchanges(), [{ entryPoint: 2, method: 'GET', protocol: 'websocket', value: 1 }]);
  assert.equal(reader.openUpstreamConnections(), 1);

  const heir = new MetricsLane(buffer);
  assert.deepEqual(reader.openExchanges(), []);
  assert.equal(reader.openUpstreamConnections(), 0);
  heir.backendDone(70_000, 'GET', 200, PROTOCOL.http, 0.02, 0, 5);
  const series = backendSeries(reader, 70_000);
  assert.equal(series.length, 1);
  assert.equal(series[0].count, 2);
  const [summary] = [...reader.summaries().values()];
  assert.deepEqual([summary.count, summary.retries], [2, 1]);
});

test('opened and closed exchanges leave nothing behind', () => {
  const buffer = createMetricsLane(BUCKETS);
  const lane = new MetricsLane(buffer);
  for (let entryPoint = 0; entryPoint < 32; entryPoint++) {
    lane.exchangeOpened(entryPoint, 'TRACE', PROTOCOL.sse);
    lane.exchangeClosed(entryPoint, 'TRACE', PROTOCOL.sse);
  }
  assert.deepEqual(new MetricsReader(() => [buffer]).openExchanges(), []);
});

test('a full lane counts further series under their entrypoint, or under the other backends', () => {
  const buffer = createMetricsLane(BUCKETS, { series: 2, summaries: 1 });
  const lane = new MetricsLane(buffer);
  const reader = new MetricsReader(() => [buffer]);
  lane.backendDone(0, 'GET', 200, PROTOCOL.http, 0.1, 0, 0);
  lane.backendDone(1, 'GET', 200, PROTOCOL.http, 0.1, 0, 0);
  lane.backendDone(2, 'GET', 200, PROTOCOL.http, 0.1, 0, 0);
  lane.retries(3);
  lane.entryPointDone(4, 'GET', 200, PROTOCOL.http, 0.1, 0, 0);
  lane.entryPointDone(4, 'PUT', 201, PROTOCOL.http, 0.1, 0, 0);
  const seen = reader.series().map(({ owner, method, code, count }) => [ownerOf(owner).kind, method, code, count]);
  assert.deepEqual(seen, [
    ['entryPoint', 'EXTENSION_METHOD', 0, 2],
    ['other', 'EXTENSION_METHOD', 0, 1],
    ['backend', 'GET', 200, 1],
    ['backend', 'GET', 200, 1],
  ]);
  // The summary of backend 0 fits; those of the backends 1, 2 and 3 share one.
  const summaries = [...reader.summaries().values()].map((s) => [ownerOf(s.owner).kind, s.count, s.retries]);
  assert.deepEqual(summaries, [
    ['entryPoint', 2, 0],
    ['other', 2, 1],
    ['backend', 1, 0],
  ]);
});

test('whatever is counted, no request is lost and nothing throws', () => {
  const request = fc.tuple(
    fc.boolean(),
    fc.integer({ min: -1, max: 40 }),
    fc.constantFrom('GET', 'POST', 'DELETE', 'odd'),
    fc.integer({ min: 0, max: 1200 }),
    fc.integer({ min: 0, max: 4 }),
    fc.double(),
    fc.double(),
  );
  fc.assert(
    fc.property(fc.array(request, { maxLength: 300 }), (requests) => {
      const buffer = createMetricsLane(BUCKETS, { series: 20, summaries: 10 });
      const lane = new MetricsLane(buffer);
      for (const [front, index, method, code, protocol, seconds, bytes] of requests) {
        if (front) lane.entryPointDone(index, method, code, protocol, seconds, bytes, bytes);
        else lane.backendDone(index, method, code, protocol, seconds, bytes, bytes);
      }
      const reader = new MetricsReader(() => [buffer]);
      const sum = (counts: Iterable<number>): number => [...counts].reduce((all, count) => all + count, 0);
      const series = reader.series();
      assert.equal(sum(series.map(({ count }) => count)), requests.length);
      assert.equal(sum(series.map((one) => sum(bucketsOf(one)))), requests.length);
      assert.equal(sum([...reader.summaries().values()].map(({ count }) => count)), requests.length);
      for (const { seconds, requestBytes } of series) assert.ok(seconds >= 0 && requestBytes >= 0);
    }),
    { numRuns: 60 },
  );
});

test('a worker thread counts while the main thread reads', async (t) => {
  const buffer = createMetricsLane(BUCKETS);
  const source = new URL('../../../src/shared/metrics.ts', import.meta.url).href;
  const code = `
    import { workerData } from 'node:worker_threads';
    const { MetricsLane } = await import(${JSON.stringify(source)});
    const lane = new MetricsLane(workerData);
    for (let i = 0; i < 30000; i++) {
      lane.backendDone(i % 1000, 'GET', 200 + (i % 3), 0, 0.001, 1, 1);
    }`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: buffer });
  t.after(() => worker.terminate());
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve));
  const reader = new MetricsReader(() => [buffer]);
  let last = 0;
  let done = false;
  void ended.then(() => {
    done = true;
  });
  while (!done) {
    const count = reader.series().reduce((sum, series) => sum + series.count, 0);
    assert.ok(count >= last, 'counts never go back');
    last = count;
    await new Promise(setImmediate);
  }
  assert.equal(await ended, 0);
  assert.equal(reader.series().length, 3000);
  assert.equal(
    reader.series().reduce((sum, series) => sum + series.count, 0),
    30_000,
  );
});

test('buckets that do not ascend and buffers that are no lane are refused with a reason', () => {
  assert.throws(() => createMetricsLane([1, 1]), /must be ascending numbers, not 1,1/);
  assert.throws(() => createMetricsLane([Number.NaN]), /ascending/);
  assert.throws(() => createMetricsLane(Array.from({ length: 33 }, (_, i) => i)), /33 metrics buckets/);
  assert.throws(() => new MetricsLane(new SharedArrayBuffer(4096)), /not one of this version/);
});
