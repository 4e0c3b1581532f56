import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigLog } from '../../../src/control/config-log.ts';
import { captureLog } from '../../harness/log.ts';

const lines = captureLog();

const NONE = { backends: new Set<string>(), frontends: new Set<string>(), certificates: new Set<string>() };

test('what comes faster than once a second is one line, and the last state is always told', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 5_000;
  t.mock.method(performance, 'now', () => now);
  const configLog = new ConfigLog({ fields: () => ({ frontends: 3 }), addresses: [':80', ':443'] });
  // A change of problems alone makes no table, and nothing waits for it.
  configLog.touch(NONE);
  now += 500;
  for (let generation = 1; generation <= 100; generation++) {
    configLog.touch({ ...NONE, backends: new Set(['a', `b${generation}`]) });
    now += 7;
    configLog.applied(generation);
    configLog.applied(generation);
    now += 3;
  }
  now += 1_000;
  t.mock.timers.tick(1_000);
  const told = lines.filter(({ event }) => event === 'config_applied');
  assert.deepEqual(told, [
    { event: 'config_applied', level: 'info', generation: 1, frontends: 3, changed: 2, merged: 1, apply_ms: 7 },
    { event: 'config_applied', level: 'info', generation: 100, frontends: 3, changed: 100, merged: 99, apply_ms: 7 },
  ]);
  const reloads = lines.filter(({ event }) => event.startsWith('Server configuration reloaded on :'));
  assert.equal(reloads.length, 4);
  configLog.stop();
});
