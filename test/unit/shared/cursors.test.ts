import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { changesOf, createCursors, serversChanged, takeTurn } from '../../../src/shared/cursors.ts';
import { SLOT_CAPACITY } from '../../../src/shared/slots.ts';

const TAKER = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { takeTurn } = await import(workerData.module);
  const cursors = new Int32Array(workerData.cursors);
  const turns = new Uint32Array(workerData.count);
  for (let i = 0; i < turns.length; i++) turns[i] = takeTurn(cursors, 3);
  parentPort.postMessage(turns);
`;

test('workers that take turns at once never get the same one, and none is left out', async (t) => {
  const cursors = createCursors();
  const count = 20_000;
  const source = new URL(`data:text/javascript,${encodeURIComponent(TAKER)}`);
  const module = new URL('../../../src/shared/cursors.ts', import.meta.url).href;
  const workers = [1, 2, 3, 4].map(() => new Worker(source, { workerData: { module, cursors, count } }));
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  const taken = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as Uint32Array));
  const seen = new Uint8Array(count * workers.length);
  for (const turns of taken) for (const turn of turns) seen[turn] += 1;
  assert.ok(seen.every((times) => times === 1));
  assert.equal(takeTurn(new Int32Array(cursors), 3), seen.length);
});

test('every slot has a cursor of its own', () => {
  const cursors = new Int32Array(createCursors());
  for (const slot of [0, 1, SLOT_CAPACITY - 1]) {
    assert.equal(takeTurn(cursors, slot), 0);
    assert.equal(takeTurn(cursors, slot), 1);
  }
});

test('a cursor counts on beyond 2^31 and wraps to 0 after 2^32 - 1', () => {
  const cursors = new Int32Array(createCursors());
  cursors[0] = 0x7fffffff;
  assert.deepEqual([takeTurn(cursors, 0), takeTurn(cursors, 0)], [2 ** 31 - 1, 2 ** 31]);
  cursors[0] = -1;
  assert.deepEqual([takeTurn(cursors, 0), takeTurn(cursors, 0)], [2 ** 32 - 1, 0]);
});

test('a change of servers is counted beside the turns and takes none', () => {
  const cursors = new Int32Array(createCursors());
  serversChanged(cursors, 4);
  serversChanged(cursors, 4);
  assert.deepEqual([changesOf(cursors, 4), changesOf(cursors, 3), changesOf(cursors, 5)], [2, 0, 0]);
  assert.equal(takeTurn(cursors, 4), 0);
});
