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
