import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { TICK_MS, TimerEntry, TimerWheel } from '../../../src/kernel/timer-wheel.ts';

class Alarm extends TimerEntry {
  rang = 0;
  override expired(): void {
    this.rang++;
  }
}

/** Turns the wheel as if `ms` had passed since `start`, in steps as its interval makes them. */
function pass(wheel: TimerWheel, start: number, ms: number): void {
  for (let at = TICK_MS; at <= ms; at += TICK_MS) wheel.turn(start + at);
  wheel.turn(start + ms);
}

test('an entry expires once, not before its deadline and at most two ticks after it', () => {
  const wheel = new TimerWheel();
  const alarm = new Alarm();
  const start = performance.now();
  wheel.arm(alarm, 300);
  pass(wheel, start, 299);
  assert.equal(alarm.rang, 0);
  wheel.turn(start + 300 + 2 * TICK_MS + 5);
  assert.equal(alarm.rang, 1);
  assert.equal(wheel.size, 0);
});

test('arming again moves the deadline both ways', () => {
  const wheel = new TimerWheel();
  const later = new Alarm();
  const sooner = new Alarm();
  const start = performance.now();
  wheel.arm(later, 100);
  wheel.arm(later, 1000);
  wheel.arm(sooner, 5000);
  wheel.arm(sooner, 200);
  pass(wheel, start, 500);
  assert.equal(later.rang, 0);
  assert.equal(sooner.rang, 1);
  pass(wheel, start, 1200);
  assert.equal(later.rang, 1);
  assert.equal(wheel.size, 0);
});

test('a deadline of many turns of the ring is kept', () => {
  const wheel = new TimerWheel();
  const alarm = new Alarm();
  const start = performance.now();
  wheel.arm(alarm, 60_000);
  pass(wheel, start, 59_900);
  assert.equal(alarm.rang, 0);
  pass(wheel, start, 60_200);
  assert.equal(alarm.rang, 1);
});

test('after a long pause everything that is due expires at once', () => {
  const wheel = new TimerWheel();
  const alarms = [50, 500, 5000, 50_000].map((ms) => {
    const alarm = new Alarm();
    wheel.arm(alarm, ms);
    return alarm;
  });
  wheel.turn(performance.now() + 100_000);
  assert.deepEqual(
    alarms.map((alarm) => alarm.rang),
    [1, 1, 1, 1],
  );
});

test('what has come while the thread was held up is read before anybody is found silent', async (t) => {
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  const wheel = new TimerWheel();
  const alarm = new Alarm();
  client.once('data', () => wheel.cancel(alarm));
  const other = once(server, 'connection');
  await once(client, 'connect');
  const [socket] = await other;
  wheel.arm(alarm, 2 * TICK_MS);
  socket.write('answer');
  for (const until = performance.now() + 10 * TICK_MS; performance.now() < until; );
  await once(client, 'data');
  assert.equal(alarm.rang, 0);
});

test('an entry may arm or cancel any other while it expires', () => {
  const wheel = new TimerWheel();
  const victim = new Alarm();
  const again = new Alarm();
  class Meddler extends TimerEntry {
    override expired(): void {
      wheel.cancel(victim);
      wheel.arm(again, 10_000);
      wheel.arm(this, 10_000);
    }
  }
  const meddler = new Meddler();
  const start = performance.now();
  wheel.arm(victim, 100);
  wheel.arm(meddler, 100);
  pass(wheel, start, 220);
  assert.ok(victim.rang <= 1);
  assert.equal(wheel.size, 2);
  wheel.cancel(meddler);
  wheel.cancel(again);
  assert.equal(wheel.size, 0);
});

test('whatever is armed and cancelled, exactly the rest expires', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30_000), fc.boolean()), { maxLength: 60 }), (plans) => {
      const wheel = new TimerWheel();
      const start = performance.now();
      const alarms = plans.map(([ms]) => {
        const alarm = new Alarm();
        wheel.arm(alarm, ms);
        return alarm;
      });
      plans.forEach(([, cancelled], i) => {
        if (cancelled) wheel.cancel(alarms[i]);
      });
      pass(wheel, start, 30_500);
      assert.deepEqual(
        alarms.map((alarm) => alarm.rang),
        plans.map(([, cancelled]) => (cancelled ? 0 : 1)),
      );
      assert.equal(wheel.size, 0);
    }),
    { numRuns: 30 },
  );
});

test('a deadline that is held does not come until it is armed anew', () => {
  const wheel = new TimerWheel();
  const held = new Alarm();
  const start = performance.now();
  wheel.hold(held);
  assert.equal(wheel.size, 0);
  wheel.arm(held, 100);
  wheel.hold(held);
  pass(wheel, start, 30_000);
  assert.equal(held.rang, 0);
  assert.equal(wheel.size, 1);
  wheel.arm(held, 200);
  wheel.turn(performance.now() + 30_000);
  pass(wheel, start + 30_000, 14_000);
  assert.equal(held.rang, 1);
  wheel.arm(held, 100);
  wheel.hold(held);
  wheel.cancel(held);
  assert.equal(wheel.size, 0);
});
