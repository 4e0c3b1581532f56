import assert from 'node:assert/strict';
import test from 'node:test';
import { nextServer } from '../../../../src/data/balancing/round-robin.ts';
import { createCursors } from '../../../../src/shared/cursors.ts';
import type { BackendView } from '../../../../src/table/views.ts';

function backend(urls: readonly string[], schedule: readonly number[]): BackendView {
  const servers = urls.map((url) => ({ url }));
  return { servers, schedule: Int32Array.from(schedule), scheduleLength: schedule.length, slot: 3 } as never;
}

test('a first try takes the servers in the order of the schedule', () => {
  const cursors = new Int32Array(createCursors());
  const two = backend(['a', 'b'], [0, 1, 0]);
  const taken = Array.from({ length: 6 }, () => nextServer(two, cursors, '')!.url);
  assert.deepEqual(taken, ['a', 'b', 'a', 'a', 'b', 'a']);
});

test('a retry never goes to the server that has just failed while there is another, whoever takes turns in between', () => {
  const cursors = new Int32Array(createCursors());
  const three = backend(['a', 'b', 'c'], [0, 0, 1, 0, 2]);
  for (let others = 0; others < 20; others++) {
    for (let i = 0; i < others; i++) nextServer(three, cursors, '');
    for (const failed of ['a', 'b', 'c']) assert.notEqual(nextServer(three, cursors, failed)!.url, failed);
  }
});

test('the only server is tried again', () => {
  const cursors = new Int32Array(createCursors());
  assert.equal(nextServer(backend(['a'], [0]), cursors, 'a')!.url, 'a');
  assert.equal(nextServer(backend(['a', 'a'], [0, 1]), cursors, 'a')!.url, 'a');
});

test('without a turn to take there is no server', () => {
  assert.equal(nextServer(backend(['a'], []), new Int32Array(createCursors()), ''), null);
});
