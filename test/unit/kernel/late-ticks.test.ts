import assert from 'node:assert/strict';
import test from 'node:test';
import { LateTicks } from '../../../src/kernel/late-ticks.ts';

test('a thread that was kept from its turn, and a clock that was set, are told apart', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let passed = 0;
  let wall = 1_000_000;
  t.mock.method(performance, 'now', () => passed);
  t.mock.method(Date, 'now', () => wall);
  const told: string[] = [];
  const ticks = new LateTicks({ onLate: (ms) => told.push(`late ${ms}`), onJump: (ms) => told.push(`jump ${ms}`) });
  const tick = (ms: number, wallMs: number): void => {
    passed += ms;
    wall += wallMs;
    t.mock.timers.tick(500);
  };
  tick(500, 500);
  tick(1_400, 1_400);
  assert.deepEqual(told, []);
  tick(3_500, 3_500);
  tick(500, 3_600_500);
  tick(500, -1_999_500);
  tick(500, 500);
  assert.deepEqual(told, ['late 3000', 'jump 3600000', 'jump -2000000']);
  ticks.stop();
});
