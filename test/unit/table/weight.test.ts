/** What V8 knows of the memory of tables, which are shared: src/table/weight.ts */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RoutingTable } from '../../../src/table/reader.ts';
import { weigh } from '../../../src/table/weight.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { frontend, input } from './inputs.ts';

const MIB = 1024 * 1024;

function counted(): number {
  return process.memoryUsage().arrayBuffers;
}

test('small tables weigh nothing while they are few; a large one, and each beyond that, what it has in bytes, once', () => {
  const table = writeTable(input([frontend('shop', [{ kind: 'host', hosts: ['shop.example.com'] }])]));
  // Never touched, so they need no memory.
  const few = Array.from({ length: 64 }, () => new SharedArrayBuffer(MIB));
  const large = new SharedArrayBuffer(MIB + 1);
  const before = counted();
  for (const small of few) weigh(small);
  assert.equal(counted(), before);
  weigh(large);
  weigh(large);
  assert.equal(counted() - before, MIB + 1);
  const reader = new RoutingTable(table, false);
  const weight = counted() - before - (MIB + 1);
  assert.ok(weight >= table.byteLength, `${weight} of ${table.byteLength} bytes count`);
  weigh(table);
  assert.equal(counted() - before, weight + MIB + 1);
  assert.equal(reader.generation, 1);
});

test('tables that nobody holds any more are collected, although little else is allocated', async () => {
  for (const [bytes, most] of [
    [8 * MIB, 512],
    [MIB, 2_048],
  ] as const) {
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    // Never touched, so it needs no memory: 4 GiB at most.
    for (let made = 0; collected === 0; made++) {
      assert.ok(made < most, `none of ${most} tables of ${bytes} bytes was collected`);
      const table = new SharedArrayBuffer(bytes);
      weigh(table);
      registry.register(table, made);
      await nextTurn();
    }
  }
});
