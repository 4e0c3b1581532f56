import assert from 'node:assert/strict';
import test from 'node:test';
import { uuidV7 } from '../../../src/kernel/uuid.ts';

test('ids are UUIDs of version 7: the time in front, then what nobody has twice', () => {
  const now = 0x017f22e279b0;
  const ids = Array.from({ length: 2_000 }, () => uuidV7(now));
  for (const id of ids) assert.match(id, /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(uuidV7(now + 1) > ids[0]);
  assert.match(uuidV7(1), /^00000000-0001-7/);
});

test('however many a millisecond wants, none is given twice and none has the time of another one', () => {
  let now = 0x017f22e279b0;
  const ids = new Set<string>();
  let count = 0;
  for (const wanted of [1, 0, 300, 1, 63, 64, 65, 1_000, 3, 1, 1, 128]) {
    now++;
    const start = `017f22e2-${now.toString(16).slice(-4)}-7`;
    for (let i = 0; i < wanted; i++, count++) {
      const id = uuidV7(now);
      assert.ok(id.startsWith(start), id);
      assert.match(id, /^[0-9a-f-]{14}7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      ids.add(id);
    }
  }
  assert.equal(ids.size, count);
});
