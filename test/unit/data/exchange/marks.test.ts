import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Marks } from '../../../../src/data/exchange/marks.ts';
import { FAULTS } from '../../../../src/kernel/errors.ts';
import type { ServerView } from '../../../../src/table/views.ts';

const server = { url: 'http://10.0.0.1:80' } as ServerView;
let now = 1_000;
const marks = new Marks();

beforeEach(() => {
  now = 1_000;
  mock.method(performance, 'now', () => now);
  marks.begin();
});
afterEach(() => mock.restoreAll());

function after(ms: number): void {
  now += ms;
}

function durations(): number[] {
  marks.end();
  const { guard, queue, connect, lost, firstByte, data } = marks;
  const sum = [guard, queue, connect, lost, firstByte, data].reduce((total, ms) => total + Math.max(ms, 0), 0);
  assert.equal(sum, marks.total, 'the durations are all of it');
  return [guard, queue, connect, lost, firstByte, data, marks.total];
}

test('a plain request over a connection that is there waits for its server and its body alone', () => {
  marks.admitted();
  marks.tryBegins(true);
  after(5);
  marks.answered();
  after(2);
  assert.deepEqual(durations(), [0, 0, 0, -1, 5, 2, 7]);
  assert.equal(marks.isReused, true);
});

test('guards, the wait for a slot and the dial are told apart', () => {
  marks.waits();
  after(3);
  marks.admitted();
  marks.waits();
  after(10);
  marks.tryBegins(false);
  after(4);
  marks.isConnected();
  after(5);
  marks.answered();
  after(1);
  assert.deepEqual(durations(), [3, 10, 4, -1, 5, 1, 23]);
});

test('an answer that breaks off keeps the time to its first byte', () => {
  marks.admitted();
  marks.tryBegins(true);
  after(5);
  marks.answered();
  after(4);
  marks.tryFailed(server, FAULTS.truncated, 200);
  after(1);
  assert.deepEqual(durations(), [0, 0, 0, -1, 5, 5, 10]);
});

test('tries that have failed count for connecting, or as lost, and the pause before the next one as waiting', () => {
  marks.admitted();
  marks.tryBegins(false);
  after(2);
  marks.tryFailed(server, FAULTS.connectRefused, 0);
  marks.waits();
  after(7);
  marks.tryBegins(true);
  after(3);
  marks.tryFailed(server, FAULTS.upstreamClosed, 0);
  marks.tryBegins(true);
  after(1);
  marks.answered();
  after(4);
  marks.tryFailed(server, null, 503);
  marks.tryBegins(true);
  after(6);
  marks.answered();
  assert.deepEqual(durations(), [0, 7, 2, 8, 6, 0, 23]);
  assert.deepEqual(
    marks.failed.map(({ fault, status, began, connected, headCame, failed }) => [
      fault?.code ?? '',
      status,
      ...[began, connected, headCame, failed].map((at) => (at < 0 ? at : at - marks.begun)),
    ]),
    [
      ['CONNECT_FAILED', 0, 0, -1, -1, 2],
      ['UPSTREAM_CLOSED', 0, 9, 9, -1, 12],
      ['', 503, 12, 12, 13, 17],
    ],
  );
});

test('a reply of ours without a try has guards and a rest alone', () => {
  marks.waits();
  after(3);
  marks.admitted();
  after(1);
  assert.deepEqual(durations(), [3, -1, -1, -1, -1, 1, 4]);
});

test('what comes behind the last failure is the rest', () => {
  marks.admitted();
  marks.tryBegins(false);
  after(2);
  marks.tryFailed(server, FAULTS.connectRefused, 0);
  after(1);
  assert.deepEqual(durations(), [0, 0, 2, -1, -1, 1, 3]);
});

test('nothing of one request is left for the next', () => {
  marks.admitted();
  marks.tryBegins(false);
  after(2);
  marks.tryFailed(server, FAULTS.connectRefused, 0);
  marks.end();
  const fresh = new Marks();
  fresh.begin();
  marks.begin();
  assert.deepEqual({ ...marks, wall: 0 }, { ...fresh, wall: 0 });
});
