import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import { onReloadSignal, onReopenSignal, takeSignals } from '../../../src/kernel/signals.ts';

const registered: (() => void)[] = [];

before(takeSignals);

afterEach(() => {
  for (const takeBack of registered.splice(0)) takeBack();
});

// Not SIGUSR2, at which the test runner of node has a report of the process written.
for (const [signal, on] of [
  ['SIGHUP', onReloadSignal],
  ['SIGUSR1', onReopenSignal],
] as const) {
  test(`all that is registered for ${signal} is done, though one of it fails`, () => {
    const done: string[] = [];
    registered.push(
      on(() => {
        done.push('one');
        throw new Error('no');
      }),
      on(async () => {
        done.push('two');
        throw new Error('later');
      }),
      on(() => void done.push('three')),
    );
    process.emit(signal, signal);
    assert.deepEqual(done, ['one', 'two', 'three']);
  });

  test(`a step that was taken back is not done at ${signal} any more`, () => {
    const done: string[] = [];
    on(() => void done.push('gone'))();
    registered.push(on(() => void done.push('here')));
    process.emit(signal, signal);
    assert.deepEqual(done, ['here']);
  });
}
