/** What V8 knows of the memory of tables, which are shared: src/table/weight.ts */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RoutingTable } from '../../../src/table/reader.ts';
import { weigh } from '../../../src/table/weight.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { frontend, input } from './inputs.ts';

const MIB = 1024 * 1024;

test('a table that a worker routes by weighs what it has in bytes, once', () => {
  const table = writeTable(input([frontend('shop', [{ kind: 'host', hosts: ['shop.example.com'] }])]));
  const before = process.memoryUsage().arrayBuffers;
  const reader = new RoutingTable(table, false);
  const weight = process.memoryUsage().arrayBuffers - before;
  assert.ok(weight >= table.byteLength, `${weight} of ${table.byteLength} bytes count`);
  weigh(table);
  assert.equal(process.memoryUsage().arrayBuffers - before, weight);
  assert.equal(reader.generation, 1);
});

test('tables that nobody holds any more are collected, although little else is allocated', async () => {
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  // Never touched, so it needs no memory: 4 GiB in all.
  for (let made = 0; collected === 0; made++) {
    assert.ok(made < 512, 'none of 512 tables was collected');
    const table = new SharedArrayBuffer(8 * MIB);
    weigh(table);
    registry.register(table, made);
    await nextTurn();
  }
});
