import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Entry } from '../../../src/access-log/entry.ts';
import { LineRing, NOTABLE, USUAL } from '../../../src/access-log/line-ring.ts';
import type { AccessLogOptions } from '../../../src/kernel/access-log-options.ts';
import { createAccessLogBuffers, droppedLines } from '../../../src/shared/access-log.ts';
import { RingReader } from '../../../src/shared/byte-ring.ts';
import { entry, OPTIONS } from './entries.ts';

function ringOf(changes: Partial<AccessLogOptions>) {
  const options = { ...OPTIONS, ...changes };
  const buffers = createAccessLogBuffers(1, options.mostLines);
  const ring = new LineRing(options, buffers.words, buffers.memories[0]);
  const reader = new RingReader(buffers.memories[0].buffer);
  const put = (entry: Entry, tag: number): void => {
    Object.assign(ring.entry, entry);
    ring.put(tag);
  };
  const seen = (): [number, string][] => {
    const found: [number, string][] = [];
    while (reader.next()) found.push([reader.tag, reader.bytes.toString('utf8', reader.start, reader.end)]);
    return found;
  };
  const lines = (): [number, string][] => {
    ring.publish();
    const found = seen();
    reader.release();
    return found;
  };
  return { put, seen, lines, dropped: () => droppedLines(buffers) };
}

test('lines arrive whole, in UTF-8, with what they are', () => {
  const { put, lines } = ringOf({});
  put(entry({ url: 'http://é:80' }), NOTABLE);
  put(entry(), USUAL);
  const [[tag, first], [other]] = lines();
  assert.deepEqual([tag, other], [NOTABLE, USUAL]);
  assert.match(first, /"http:\/\/é:80" 12ms\n$/);
});

test('lines are seen after a moment, by themselves', async () => {
  const { put, seen } = ringOf({});
  put(entry(), USUAL);
  let found = seen();
  for (const until = Date.now() + 10_000; found.length === 0 && Date.now() < until; found = seen())
    await setImmediate();
  assert.equal(found.length, 1);
});

test('a timer that finds nothing waiting writes nothing', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { put, seen } = ringOf({});
  for (let count = 1; count <= 64; count++) put(entry({ count }), USUAL);
  assert.equal(seen().length, 64);
  t.mock.timers.tick(1_000);
  assert.equal(seen().length, 0);
  put(entry({ count: 65 }), USUAL);
  t.mock.timers.tick(1_000);
  assert.deepEqual(
    seen().map(([, line]) => / (\d+) "Host-foo"/.exec(line)![1]),
    ['65'],
  );
});

test('where few lines may wait they are not held back until there are too many', () => {
  const { put, seen, dropped } = ringOf({ mostLines: 8 });
  for (let count = 1; count <= 7; count++) put(entry({ count }), USUAL);
  assert.equal(seen().length, 6);
  assert.deepEqual(dropped(), [0, 0, 0]);
});

test('long lines are made a few at a time, and all of them', async () => {
  const { put, seen, dropped } = ringOf({ format: 'json' });
  const requestFields = Array.from({ length: 7 }, (_, i) => `x-${i}: ${'v'.repeat(8_000)}\r\n`).join('');
  for (let count = 1; count <= 64; count++) put(entry({ requestFields, count }), USUAL);
  const found = seen();
  assert.ok(found.length >= 1 && found.length <= 8, `${found.length} of 64 at once`);
  for (const until = Date.now() + 10_000; found.length < 64 && Date.now() < until; found.push(...seen()))
    await setImmediate();
  assert.deepEqual(
    found.map(([, line]) => (JSON.parse(line) as { RequestCount: number }).RequestCount),
    Array.from({ length: 64 }, (_, i) => i + 1),
  );
  assert.deepEqual(dropped(), [0, 0, 0]);
});

test('an entry whose line cannot be made costs no other line', () => {
  const { put, lines } = ringOf({});
  put(entry(), USUAL);
  put(entry({ requestId: null as unknown as string, path: null as unknown as string }), USUAL);
  put(entry(), USUAL);
  assert.equal(lines().length, 2);
});

test('a line that finds no room is dropped and counted, and those before it stay', () => {
  const { put, lines, dropped } = ringOf({ mostLines: 2 });
  for (let count = 1; count <= 5; count++) put(entry({ count }), USUAL);
  assert.deepEqual(
    lines().map(([, line]) => / (\d+) "Host-foo"/.exec(line)![1]),
    ['1', '2'],
  );
  assert.deepEqual(dropped(), [3, 0, 0]);
  put(entry({ count: 6 }), USUAL);
  assert.equal(lines().length, 1);
});

test('a line that is too long goes without the fields of heads, and else not at all', () => {
  const { put, lines, dropped } = ringOf({ format: 'json' });
  const requestFields = Array.from({ length: 9 }, (_, i) => `x-${i}: ${'v'.repeat(8_000)}\r\n`).join('');
  put(entry({ requestFields }), USUAL);
  const [[, line]] = lines();
  assert.ok(!line.includes('request_') && line.includes('"RequestPath"'));
  const long = 'v'.repeat(8_000);
  put(
    entry({
      path: long,
      frontendName: long,
      backendName: long,
      hasPathAsUrl: true,
      host: long,
      user: long,
      method: long,
    }),
    USUAL,
  );
  assert.equal(lines().length, 0);
  assert.deepEqual(dropped(), [0, 0, 1]);
});
