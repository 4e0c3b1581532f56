import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENTS } from '../../../src/kernel/events.ts';
import { log } from '../../../src/kernel/log.ts';
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
