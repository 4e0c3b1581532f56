import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histories, Past } from '../../../../src/control/board/history.ts';
import { decode, encode, GAP } from '../../../../src/control/board/log-code.ts';
import { quantilesOf } from '../../../../src/control/board/quantiles.ts';
import { COUNT, COUNTS } from '../../../../src/control/board/rates.ts';
import { RANGES, STEP_MS, Steps } from '../../../../src/control/board/steps.ts';
import { LATENCY_BUCKETS, latencyBucket } from '../../../../src/shared/latency.ts';

/** A multiple of all steps. */
const START = 1_800_000_000_000;
const [FIVE_MINUTES, HOUR, DAY] = [0, 1, 2];

/** An owner whose requests a test makes, and its past. */
class Owner {
  readonly steps = new Steps();
  readonly counts = new Float64Array(COUNTS.length);
  readonly latency = new Uint32Array(LATENCY_BUCKETS);
  readonly times: number[] = [];
  readonly past = new Past([FIVE_MINUTES, HOUR, DAY]);
  private readonly deltas = new Float64Array(COUNTS.length);

  answered(status: 'c2' | 'c5', ms: number): void {
    this.counts[COUNT[status]]++;
    this.deltas[COUNT[status]]++;
    this.latency[latencyBucket(ms / 1000)]++;
    this.times.push(ms);
  }

  look(now: number): void {
    this.steps.next(now);
    this.past.look(this.steps, this.counts, this.deltas, (sums) => sums.set(this.latency), 0);
    this.deltas.fill(0);
  }

  value(range: number, at: number, column: 'c2' | 'c5' | 'p50' | 'p99' | 'max5'): number | null {
    return decode(this.past.code(range, Math.floor(at / RANGES[range].step), column));
  }
}

function trueQuantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((one, other) => one - other);
  return sorted[Math.ceil(share * sorted.length) - 1];
}

function assertNear(actual: number | null, expected: number, share: number): void {
  assert.ok(actual !== null && Math.abs(actual - expected) <= expected * share, `${actual} is not near ${expected}`);
}

test('a figure in 16 bits is within 0.1 % of what it was, and nothing and not known are two things', () => {
  for (const value of [1e-3, 0.5, 1, 7.25, 8452.1, 4.1e6]) assertNear(decode(encode(value)), value, 0.001);
  assert.equal(decode(encode(0)), 0);
  assert.equal(encode(null), GAP);
  assert.equal(decode(GAP), null);
});

test('percentiles of counts are within 5 % of the true ones', () => {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  const times = Array.from({ length: 10_000 }, (_, i) => 0.05 * 1.001 ** i);
  for (const ms of times) counts[latencyBucket(ms / 1000)]++;
  const found = quantilesOf(counts);
  assert.ok(found !== null);
  for (const [i, share] of [0.5, 0.9, 0.99].entries()) assertNear(found[i], trueQuantile(times, share), 0.05);
  assert.equal(quantilesOf(new Uint32Array(LATENCY_BUCKETS)), null);
});

test('the percentiles of a point are those of all its requests, not a mean of finer points', () => {
  const owner = new Owner();
  for (let step = 0; step <= 150; step++) {
    owner.look(START + step * STEP_MS);
    // Few slow requests in one of the 2 s points, many quick ones in all others.
    for (let i = 0; i < 100 && step < 150; i++) owner.answered('c2', step === 70 ? 900 : 2 + (i % 3));
  }
  const all = owner.times;
  assertNear(owner.value(DAY, START, 'p50'), trueQuantile(all, 0.5), 0.05);
  assertNear(owner.value(DAY, START, 'p99'), trueQuantile(all, 0.99), 0.05);
  assertNear(owner.value(FIVE_MINUTES, START + 70 * STEP_MS, 'p50'), 900, 0.05);
});

test('a spike of 4 s is seen in a point of five minutes', () => {
  const owner = new Owner();
  for (let step = 0; step <= 150; step++) {
    owner.look(START + step * STEP_MS);
    const isSpike = step === 70 || step === 71;
    for (let i = 0; i < 10; i++) owner.answered(isSpike && i < 6 ? 'c5' : 'c2', 1);
  }
  assertNear(owner.value(DAY, START, 'max5'), 0.6, 0.01);
  assertNear(owner.value(DAY, START, 'c5'), 12 / 300, 0.02);
});

test('rates are those of the time between the looks', () => {
  const owner = new Owner();
  owner.look(START);
  for (let i = 0; i < 50; i++) owner.answered('c2', 1);
  owner.look(START + 2_500);
  assertNear(owner.value(FIVE_MINUTES, START, 'c2'), 20, 0.001);
});

test('a point in which nothing was asked is nothing, one that nobody looked at is a gap', () => {
  const { steps } = new Owner();
  steps.next(START);
  steps.next(START + STEP_MS);
  assert.ok(steps.wasSeen(FIVE_MINUTES, START / STEP_MS));
  steps.next(START + 60_000);
  assert.ok(!steps.wasSeen(FIVE_MINUTES, START / STEP_MS + 1), 'the process slept');
  assert.ok(!steps.wasSeen(FIVE_MINUTES, START / STEP_MS + 10));
  assert.ok(!steps.wasSeen(FIVE_MINUTES, START / STEP_MS - 1), 'before the start');
});

test('what was counted while the process slept is of no point', () => {
  const owner = new Owner();
  owner.look(START);
  for (let i = 0; i < 1_000; i++) owner.answered('c2', 1);
  owner.look(START + 60_000);
  for (let i = 0; i < 10; i++) owner.answered('c2', 1);
  owner.look(START + 60_000 + STEP_MS);
  assertNear(owner.value(FIVE_MINUTES, START + 60_000, 'c2'), 5, 0.001);
});

test('the past stays in its budget: the longest idle lose theirs, and while all are busy newcomers have none', () => {
  const ranges = [FIVE_MINUTES, HOUR, DAY];
  const histories = new Histories(3.5 * Past.bytesOf(ranges));
  for (const [i, name] of ['a', 'b', 'c'].entries()) assert.ok(histories.open(name, ranges, START + i) !== null);
  assert.equal(histories.open('d', ranges, START + 1_000), null);
  const later = START + 600_000;
  histories.get('a')!.activeAt = later;
  assert.ok(histories.open('d', ranges, later) !== null);
  assert.ok(histories.get('a') !== null);
  assert.equal(histories.get('b'), null);
});
