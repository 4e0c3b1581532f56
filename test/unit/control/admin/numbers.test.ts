import assert from 'node:assert/strict';
import test from 'node:test';
import { HealthPage } from '../../../../src/control/admin/health.ts';
import { LiveWindow } from '../../../../src/control/admin/live-numbers.ts';
import { percentilesOf } from '../../../../src/control/admin/percentiles.ts';
import { goDuration } from '../../../../src/kernel/durations.ts';
import { LATENCY_BUCKETS, latencyBucket } from '../../../../src/shared/latency.ts';
import { MetricsLane } from '../../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../../src/shared/metrics-layout.ts';
import { MetricsReader } from '../../../../src/shared/metrics-reader.ts';
import { FakeView } from './fake-view.ts';

function near(actual: number | undefined, expected: number): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= expected * 0.04,
    `${actual} is not near ${expected}`,
  );
}

test('percentiles are within 4 % of the durations', () => {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  for (let i = 1; i <= 10_000; i++) counts[latencyBucket(i / 1e4)]++;
  const percentiles = percentilesOf(counts);
  near(percentiles?.p50, 0.5);
  near(percentiles?.p90, 0.9);
  near(percentiles?.p99, 0.99);
  near(percentiles?.p999, 0.999);
  near(percentiles?.max, 1);
  assert.equal(percentilesOf(new Uint32Array(LATENCY_BUCKETS)), null);
});

test('percentiles hold for the largest counts and the longest durations', () => {
  const counts = new Uint32Array(LATENCY_BUCKETS).fill(0xffff_ffff);
  const percentiles = percentilesOf(counts);
  near(percentiles?.max, 134);
  assert.ok((percentiles?.p50 ?? 0) < (percentiles?.p99 ?? 0));
});

test('rates and percentiles are those of the window, not of the whole life', () => {
  const buffer = createMetricsLane([1]);
  const lane = new MetricsLane(buffer);
  const live = new LiveWindow(new MetricsReader(() => [buffer]), 0);
  const serve = (times: number, seconds: number, code: number): void => {
    for (let i = 0; i < times; i++) lane.entryPointDone(0, 'GET', code, PROTOCOL.http, seconds, 0, 0);
  };
  const numbersAt = (now: number) => new Map(live.numbers(now, 'entryPoint')).get(0);
  serve(100, 2, 500);
  live.tick(5000);
  serve(50, 0.001, 200);
  let numbers = numbersAt(5000);
  assert.equal(numbers?.requestsPerSecond, 30);
  assert.equal(numbers?.errorsPerSecond, 20);
  live.tick(10_000);
  // The first mark is out of the window now: the slow answers do not count any more.
  numbers = numbersAt(10_000);
  assert.equal(numbers?.requests, 150);
  assert.equal(numbers?.requestsPerSecond, 10);
  assert.equal(numbers?.errorsPerSecond, 0);
  near(numbers?.latency?.max, 0.001);
  live.tick(15_000);
  live.tick(20_000);
  assert.deepEqual(numbersAt(20_000)?.latency, null);
  // Idle owners share their copy between marks; new requests must still be told from the old ones.
  serve(5, 0.1, 200);
  numbers = numbersAt(21_000);
  near(numbers?.latency?.p50, 0.1);
  near(numbers?.latency?.max, 0.1);
});

test('durations read as Go prints them', () => {
  const expected: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [7e-9, '7ns'],
    [1.5e-6, '1.5µs'],
    [0.01225, '12.25ms'],
    [1, '1s'],
    [61.5, '1m1.5s'],
    [3600, '1h0m0s'],
    [90_061.25, '25h1m1.25s'],
  ];
  for (const [seconds, text] of expected) assert.equal(goDuration(seconds), text);
});

test('health counts the current second and the whole life apart', () => {
  const view = new FakeView();
  const buffer = createMetricsLane([1]);
  view.lanes.push(buffer);
  const lane = new MetricsLane(buffer);
  const health = new HealthPage(view, new MetricsReader(() => view.lanes));
  lane.entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.5, 0, 100);
  lane.backendDone(0, 'GET', 200, PROTOCOL.http, 0.5, 0, 100);
  health.tick();
  lane.entryPointDone(0, 'GET', 404, PROTOCOL.http, 0.25, 0, 20);
  const shown = JSON.parse(health.text());
  assert.deepEqual(shown.status_code_count, { 404: 1 });
  assert.deepEqual(shown.total_status_code_count, { 200: 1, 404: 1 });
  assert.deepEqual([shown.count, shown.total_count], [1, 2]);
  assert.deepEqual([shown.total_response_time, shown.total_response_time_sec], ['750ms', 0.75]);
  assert.deepEqual([shown.total_response_size, shown.average_response_size], [120, 60]);
  assert.deepEqual([shown.average_response_time, shown.average_response_time_sec], ['375ms', 0.375]);
  assert.equal(shown.pid, process.pid);
  assert.match(shown.time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC m=\+\d+\.\d{9}$/);
});
