import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ServiceNotifier, ServiceState } from '../../../src/control/service/notify.ts';
import { type Reported, ServiceReport, watchdogMs } from '../../../src/control/service/report.ts';

type Fake = Reported & { loaded: boolean; change(): void };

function fakePlane(): Fake {
  const listeners = new Set<() => void>();
  const plane = {
    loaded: false,
    change: () => {
      for (const listener of listeners) listener();
    },
    view: {
      workers: () => [0, 1].map((index) => ({ index, state: 'serving', generation: 1, restarts: 0 })),
      model: () => ({ frontends: new Map([['a', 1]]), backends: new Map([['b', 1]]) }),
      problemCount: () => 3,
      loaded: () => ({ ready: plane.loaded, reason: 'etcd\nMAINPID=1' }),
      settled: () => true,
      openExchanges: () => 5,
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  return plane as unknown as Fake;
}

function begin(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const told: ServiceState[] = [];
  let silent = false;
  const notifier = {
    isHeard: true,
    notify: (state: ServiceState) => told.push(state),
    lastWord: async (state: ServiceState) => {
      told.push(state);
      silent = true;
    },
  };
  const report = new ServiceReport(notifier as unknown as ServiceNotifier);
  const plane = fakePlane();
  report.watch(plane);
  return { report, plane, told, isSilent: () => silent, pass: (ms: number) => t.mock.timers.tick(ms) };
}

test('it is ready when the workers listen and routes are in force', (t) => {
  const { plane, told, pass } = begin(t);
  plane.change();
  pass(5_000);
  assert.deepEqual(told, []);
  plane.loaded = true;
  plane.change();
  const STATUS = 'Serving with 2 of 2 workers: 1 frontends, 1 backends, 3 problems';
  assert.deepEqual(told, [{ READY: '1', STATUS }]);
  pass(60_000);
  assert.equal(told.length, 1);
});

test('a store that does not answer keeps it from being ready for ten seconds only, and it says what clients get', (t) => {
  const { plane, told, pass } = begin(t);
  pass(10_000);
  assert.deepEqual(told, [{ READY: '1', STATUS: 'No routes yet: everybody gets 503' }]);
  plane.loaded = true;
  plane.change();
  plane.change();
  pass(10_000);
  assert.deepEqual(told.slice(1), [{ STATUS: 'Serving with 2 of 2 workers: 1 frontends, 1 backends, 3 problems' }]);
});

test('that every worker has answered is told until it stops', (t) => {
  const { report, told } = begin(t);
  report.alive();
  report.stopping();
  report.alive();
  assert.equal(told.filter(({ WATCHDOG }) => WATCHDOG === '1').length, 1);
});

test('a drain is told with what it waits for, and goes on as long as it says so', (t) => {
  const { plane, report, told, pass } = begin(t);
  plane.loaded = true;
  plane.change();
  report.stopping();
  report.stopping();
  pass(10_000);
  const step = { STATUS: 'Draining: 5 requests in progress', EXTEND_TIMEOUT_USEC: '30000000' };
  assert.deepEqual(told.slice(1), [{ STOPPING: '1', ...step }, step, step]);
});

test('files that are read again are told only while it serves', (t) => {
  const { plane, report, told } = begin(t);
  report.reloading();
  assert.deepEqual(told, []);
  plane.loaded = true;
  plane.change();
  report.reloading();
  report.reloaded();
  assert.deepEqual(told.slice(1), [{ RELOADING: '1' }, { READY: '1' }]);
});

test('one that has a successor says nothing more, so that its end is not that of the service', async (t) => {
  const { plane, report, told, isSilent, pass } = begin(t);
  plane.loaded = true;
  plane.change();
  await report.succeeded(77);
  report.stopping();
  plane.change();
  pass(60_000);
  assert.deepEqual(told.slice(1), [{ MAINPID: '77' }]);
  assert.ok(isSilent());
});

test('the time of the watchdog is that of whom it names, and of a successor', () => {
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 8), 0);
  const env: NodeJS.ProcessEnv = { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' };
  assert.equal(watchdogMs(env, 7), 30_000);
  assert.equal(watchdogMs(env, 8), 30_000);
  for (const WATCHDOG_USEC of ['', '0', '-1', 'soon']) assert.equal(watchdogMs({ WATCHDOG_USEC }, 7), 0);
  assert.equal(watchdogMs({}, 7), 0);
});
