import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { hearOut } from '../../../src/control/workers/hear-out.ts';

const SPEAKER = `
  const { workerData: { port, left } } = require('node:worker_threads');
  port.postMessage('it fails');
  port.postMessage('it ends');
  port.close();
  process.on('exit', () => { Atomics.store(left, 0, 1); Atomics.notify(left, 0); });
`;

test('the last words of a worker are heard before its end, however busy the listener is', async () => {
  const { port1, port2 } = new MessageChannel();
  const left = new Int32Array(new SharedArrayBuffer(8));
  const thread = new Worker(SPEAKER, { eval: true, workerData: { port: port2, left }, transferList: [port2] });
  const heard: string[] = [];
  const ended = new Promise<void>((resolve) =>
    hearOut(thread, port1, (message: string) => heard.push(message), resolve),
  );
  await new Promise((resolve) => thread.once('online', resolve));

  // Busy until the worker has gone, and for as long as it takes to be told of it.
  Atomics.wait(left, 0, 0);
  Atomics.wait(left, 1, 0, 100);
  await ended;
  assert.deepEqual(heard, ['it fails', 'it ends']);
});
