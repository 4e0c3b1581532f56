import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { WorkerWatch } from '../../../src/control/workers/worker-watch.ts';
import { captureLog } from '../../harness/log.ts';

function begin(t: TestContext, watchdogMs: number) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines = captureLog();
  const seen = { asked: 0, alive: 0, stuck: 0 };
  const fleet = {
    quiet: [] as number[],
    running: 2,
    ask: () => void seen.asked++,
    silent: () => fleet.quiet,
    get isStuck() {
      return fleet.quiet.length === fleet.running;
    },
  };
  const watch = new WorkerWatch({ watchdogMs, onAlive: () => void seen.alive++, onStuck: () => void seen.stuck++ });
  watch.watch(fleet);
  const pass = (ms: number): void => t.mock.timers.tick(ms);
  return { seen, fleet, lines, pass };
}

test('a service manager hears only of workers that all have answered since the last time', (t) => {
  const { seen, fleet, lines, pass } = begin(t, 30_000);
  pass(10_000);
  assert.deepEqual(seen, { asked: 2, alive: 1, stuck: 0 });
  fleet.quiet = [1];
  pass(20_000);
  assert.deepEqual(seen, { asked: 2, alive: 1, stuck: 0 });
  assert.deepEqual(
    lines.map(({ event, worker }) => [event, worker]),
    [['worker_slow', 1]],
  );
  fleet.quiet = [];
  pass(10_000);
  assert.deepEqual(seen, { asked: 3, alive: 2, stuck: 0 });
  fleet.running = 0;
  pass(10_000);
  assert.equal(seen.alive, 2, 'there is none');
});

test('without one, too, a worker that stands still is told, and nothing else is done while another one serves', (t) => {
  const { seen, fleet, lines, pass } = begin(t, 0);
  fleet.quiet = [0];
  pass(600_000);
  assert.deepEqual(
    lines.map(({ event, worker }) => [event, worker]),
    [['worker_slow', 0]],
  );
  assert.deepEqual([seen.asked, seen.stuck], [1, 0]);
});

test('when none has answered for a minute of looks in a row it is over, once', (t) => {
  const { seen, fleet, pass } = begin(t, 0);
  fleet.quiet = [0, 1];
  pass(55_000);
  fleet.quiet = [1];
  pass(5_000);
  fleet.quiet = [0, 1];
  pass(55_000);
  assert.equal(seen.stuck, 0);
  pass(5_000);
  assert.equal(seen.stuck, 1);
  pass(300_000);
  assert.equal(seen.stuck, 1);
});
