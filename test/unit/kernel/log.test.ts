import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENTS } from '../../../src/kernel/events.ts';
import { tellLimit } from '../../../src/kernel/limit-log.ts';
import { type LogRecord, log, relay, sendLogTo } from '../../../src/kernel/log.ts';
import { captureLog } from '../../harness/log.ts';

test('of a state that changes faster than lines may come the last one is told, and no other', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const lines = captureLog();
  const change = (isUp: boolean): void =>
    log.event(isUp ? EVENTS.serverUp : EVENTS.serverDown, 'b http://a', { backend: 'b' });
  const pass = (ms: number): void => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  for (let i = 0; i < 20; i++) {
    change(i % 2 === 1);
    pass(100);
  }
  const told = (): string[] => lines.map(({ event }) => event);
  assert.deepEqual(told(), ['server_down', 'server_up', 'server_down', 'server_up', 'server_down']);
  pass(10_000);
  assert.deepEqual(told().slice(5), ['server_up']);
  pass(100_000);
  assert.equal(lines.length, 6);
  // A newer state that may be told at once takes the place of one that waits.
  for (let i = 0; i < 6; i++) change(false);
  now += 60_000;
  change(true);
  pass(60_000);
  assert.equal(told().at(-1), 'server_up');
});

test('what a limit refuses is told at once, and then as the sum of each minute, of all workers', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 1_000_000;
  t.mock.method(performance, 'now', () => now);
  const lines = captureLog();
  const pass = (ms: number): void => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  const refuse = (object: string, times?: number): void =>
    tellLimit({ limit: 'ratelimit', object, value: 5, what: 'requests' }, {}, times);
  const told = (): unknown[] => lines.splice(0).map(({ object, refused }) => `${object} ${refused}`);
  refuse('f');
  refuse('g', 7);
  assert.deepEqual(told(), ['f 1', 'g 7']);
  for (let i = 0; i < 1_000; i++) refuse('f');
  // A line of a worker that stands for others as well.
  let sent: LogRecord | null = null;
  sendLogTo((record) => {
    sent = record;
    return true;
  });
  refuse('h', 12);
  const inMain: LogRecord = { ...sent!, object: 'ratelimit f ', fields: { ...sent!.fields, object: 'f' } };
  const after = captureLog();
  relay(inMain);
  assert.deepEqual(after, []);
  pass(60_001);
  const [{ event, level, value, what, refused }, ...more] = after;
  assert.deepEqual([event, level, value, what, refused, more], ['limit_reached', 'warning', 5, 'requests', 1_012, []]);
  pass(600_000);
  assert.equal(after.length, 1, 'nothing was refused since');
});

test('a worker sends what it has counted each second, and main adds it up', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 5_000_000;
  t.mock.method(performance, 'now', () => now);
  const sent: number[] = [];
  sendLogTo(({ suppressed }) => sent.push(suppressed + 1) > 0, 1_000);
  for (let i = 0; i < 25; i++) {
    tellLimit({ limit: 'queue', object: 'q', value: 1, what: 'requests' });
    now += 100;
    t.mock.timers.tick(100);
  }
  now += 2_000;
  t.mock.timers.tick(2_000);
  captureLog();
  assert.ok(sent.length >= 3 && sent.length <= 4, sent.join());
  assert.equal(sent[0], 1);
  assert.equal(
    sent.reduce((sum, each) => sum + each, 0),
    25,
  );
});

test('what a line would have counted that nobody takes is in the next one', () => {
  const refuse = (): void => tellLimit({ limit: 'maxconn', object: 'untaken', value: 1, what: 'requests' }, {}, 5);
  sendLogTo(() => false);
  refuse();
  const lines = captureLog();
  const later = performance.now() + 60_001;
  const { now } = performance;
  performance.now = () => later;
  try {
    refuse();
  } finally {
    performance.now = now;
  }
  assert.deepEqual(
    lines.map(({ refused }) => refused),
    [10],
  );
});
