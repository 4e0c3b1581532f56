import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigLog } from '../../../src/control/routing/config-log.ts';
import { captureLog } from '../../harness/log.ts';

const lines = captureLog();

const NONE = { backends: new Map(), frontends: new Map(), certificates: new Map() };

test('what comes faster than once a second is one line, and the last state is always told', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 5_000;
  t.mock.method(performance, 'now', () => now);
  const backends = new Map();
  const model = { backends, frontends: new Map(), certificates: new Map() };
  const options = { fields: () => ({ frontends: 3 }), onApplied: () => {}, addresses: [':80', ':443'] };
  const configLog = new ConfigLog({ model: () => model, ...options });
  // A change of problems alone makes no table, and nothing waits for it.
  configLog.touch(NONE, now);
  now += 500;
  for (let generation = 1; generation <= 100; generation++) {
    // Nine of ten are gone again when the line comes, one was there before.
    const before = new Map(backends);
    backends.set('a', generation);
    if (generation % 10 === 1) backends.set(`b${generation}`, generation);
    if (generation === 50) backends.delete('b1');
    const touched = ['a', 'b1', `b${generation}`].map((name) => [name, before.get(name) ?? null] as const);
    configLog.touch({ ...NONE, backends: new Map(touched) }, now);
    now += 7;
    configLog.applied(generation);
    configLog.applied(generation);
    now += 3;
  }
  now += 1_000;
  t.mock.timers.tick(1_000);
  const told = lines.filter(({ event }) => event === 'config_applied');
  const always = { event: 'config_applied', level: 'info', frontends: 3, apply_ms: 7 };
  assert.deepEqual(told, [
    { ...always, generation: 1, added: 2, removed: 0, changed: 0, merged: 1 },
    { ...always, generation: 100, added: 9, removed: 1, changed: 1, merged: 99 },
  ]);
  const reloads = lines.filter(({ event }) => event === 'configuration_reloaded');
  assert.deepEqual(
    reloads.map(({ address }) => address),
    [':80', ':443', ':80', ':443'],
  );
  configLog.stop();
});
