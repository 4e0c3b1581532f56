import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createByteRing, droppedRecords, RingReader, RingWriter } from '../../../src/shared/byte-ring.ts';

function readAll(reader: RingReader): string[] {
  const found: string[] = [];
  while (reader.next()) found.push(`${reader.tag}:${reader.bytes.toString('latin1', reader.start, reader.end)}`);
  reader.release();
  return found;
}

test('what was written is read once, in order, or was refused, however writing and reading mix', () => {
  const steps = fc.array(fc.oneof(fc.record({ length: fc.nat(70), tag: fc.nat(127) }), fc.constant('read' as const)), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (all) => {
      const ring = createByteRing(128, 5, 64);
      const writer = new RingWriter(ring);
      const reader = new RingReader(ring);
      let expected: string[] = [];
      for (const [index, step] of all.entries()) {
        if (step === 'read') {
          assert.deepEqual(readAll(reader), expected);
          expected = [];
          continue;
        }
        const record = String.fromCharCode(97 + (index % 26)).repeat(step.length);
        if (writer.push(Buffer.from(record), step.tag)) expected.push(`${step.tag}:${record}`);
        else assert.ok(expected.length > 0 || step.length > 64, 'an empty ring has room');
        assert.ok(expected.length <= 5, 'so many records may wait');
      }
      assert.deepEqual(readAll(reader), expected);
    }),
  );
});

test('records stand one behind the other, as long as there is no end between them', () => {
  // Four of them always have room.
  const lengths = fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 4 }), (all, together) => {
      const ring = createByteRing(128, 8, 64);
      const writer = new RingWriter(ring);
      const reader = new RingReader(ring);
      let at = 0;
      for (const [index, length] of all.entries()) {
        assert.ok(writer.push(Buffer.alloc(length, index), 1));
        if ((index + 1) % together !== 0) continue;
        while (reader.next()) {
          assert.equal(reader.start, at);
          assert.equal(reader.isLast, reader.end >= 128);
          at = reader.isLast ? 0 : reader.end;
        }
        reader.release();
      }
    }),
  );
});

test('a record that is begun and given up leaves those that wait as they are', () => {
  const steps = fc.array(fc.record({ length: fc.nat(64), take: fc.boolean() }), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (all) => {
      const ring = createByteRing(128, 8, 64);
      const writer = new RingWriter(ring);
      const reader = new RingReader(ring);
      let expected: string[] = [];
      for (const [index, { length, take }] of all.entries()) {
        const at = writer.begin(64);
        if (at >= 0) writer.bytes.fill(0, at, at + 64);
        const record = String.fromCharCode(97 + (index % 26)).repeat(length);
        if (writer.push(Buffer.from(record), 1)) expected.push(`1:${record}`);
        if (!take) continue;
        assert.deepEqual(readAll(reader), expected);
        expected = [];
      }
      assert.deepEqual(readAll(reader), expected);
    }),
  );
});

test('positions count on beyond 32 bits', () => {
  const ring = createByteRing(64, 10, 64);
  const words = new Int32Array(ring);
  for (const word of [0, 16]) words[word] = 0x7fff_ffe0;
  for (const word of [1, 17]) words[word] = 0x7fff_ffff;
  const writer = new RingWriter(ring);
  const reader = new RingReader(ring);
  for (let i = 0; i < 20; i++) {
    assert.ok(writer.push(Buffer.from(`record ${i}`), 1));
    assert.deepEqual(readAll(reader), [`1:record ${i}`]);
  }
});

test('a writer in the place of one that has died goes on behind what that had committed', () => {
  const ring = createByteRing(64, 10, 64);
  const dead = new RingWriter(ring);
  dead.push(Buffer.from('one'), 0);
  dead.bytes.write('half', dead.begin(20));
  const next = new RingWriter(ring);
  next.push(Buffer.from('two'), 0);
  assert.deepEqual(readAll(new RingReader(ring)), ['0:one', '0:two']);
});

test('drops are counted by reason', () => {
  const ring = createByteRing(64, 1, 64);
  const writer = new RingWriter(ring);
  assert.ok(writer.push(Buffer.alloc(1), 0));
  assert.ok(!writer.push(Buffer.alloc(1), 0));
  writer.drop(0);
  new RingReader(ring).drop(3, 7);
  assert.deepEqual([droppedRecords(ring, 0), droppedRecords(ring, 1), droppedRecords(ring, 3)], [1, 0, 7]);
});

test('nothing is lost or torn between two threads', async () => {
  const ring = createByteRing(4_096, 1_000, 64);
  const source = `
    const { workerData } = require('node:worker_threads');
    import(workerData.url).then(({ RingWriter }) => {
      const writer = new RingWriter(workerData.ring);
      for (let i = 0; i < 20_000; i++) {
        const record = Buffer.from(String(i).repeat(1 + (i % 7)));
        while (!writer.push(record, i % 100)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.01);
      }
    });`;
  const url = new URL('../../../src/shared/byte-ring.ts', import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData: { ring, url } });
  const ended = new Promise<void>((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject));
  const reader = new RingReader(ring);
  let next = 0;
  while (next < 20_000) {
    while (reader.next()) {
      assert.equal(reader.bytes.toString('latin1', reader.start, reader.end), String(next).repeat(1 + (next % 7)));
      assert.equal(reader.tag, next % 100);
      next++;
    }
    reader.release();
    await new Promise(setImmediate);
  }
  await ended;
});
