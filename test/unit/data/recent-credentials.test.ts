import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import test from 'node:test';
import { RecentCredentials } from '../../../src/data/auth/recent-credentials.ts';
import { TimerWheel } from '../../../src/kernel/timer-wheel.ts';

test('credentials are known by all of their text, and a second later not any more', () => {
  const wheel = new TimerWheel();
  const recent = new RecentCredentials(wheel);
  recent.add('Basic QTpi', 'A');
  recent.add('Basic QTpj', 'B');
  assert.equal(recent.nameIn('Basic QTpi'), 'A');
  assert.equal(recent.nameIn('Basic QTpj'), 'B');
  for (const other of ['', 'Basic QTp', 'Basic QTpia', 'basic QTpi']) assert.equal(recent.nameIn(other), undefined);
  // One deadline for all of them, from the first on.
  assert.equal(wheel.size, 1);
  wheel.turn(performance.now() + 1_200);
  assert.equal(recent.nameIn('Basic QTpi'), undefined);
  assert.equal(recent.nameIn('Basic QTpj'), undefined);
  assert.equal(wheel.size, 0);
  recent.add('Basic QTpi', 'A');
  assert.equal(recent.nameIn('Basic QTpi'), 'A');
});

test('there are at most so many, and none that is long', () => {
  const recent = new RecentCredentials(new TimerWheel());
  recent.add('x'.repeat(257), 'A');
  assert.equal(recent.nameIn('x'.repeat(257)), undefined);
  for (let i = 0; i < 2_000; i++) recent.add(`Basic ${i}`, 'A');
  assert.equal(recent.nameIn('Basic 999'), 'A');
  assert.equal(recent.nameIn('Basic 1000'), undefined);
});
