import assert from 'node:assert/strict';
import test from 'node:test';
import { isAmong, isNotable, passes } from '../../../src/access-log/selection.ts';
import { uuidV7 } from '../../../src/kernel/uuid.ts';

const NONE = { statuses: [], retryAttempts: false, minDurationMs: 0 };
const PLAIN = { status: 200, tries: 1, cause: 'ok' };
const TOTAL = 5e6;

test('without a filter all lines pass, and of several one is enough', () => {
  assert.ok(passes(NONE, PLAIN, TOTAL));
  const filters = { statuses: [[404, 404] as const, [500, 599] as const], retryAttempts: true, minDurationMs: 10 };
  assert.ok(!passes(filters, PLAIN, TOTAL));
  assert.ok(passes(filters, { ...PLAIN, status: 503 }, TOTAL));
  assert.ok(passes(filters, { ...PLAIN, status: 404 }, TOTAL));
  assert.ok(!passes(filters, { ...PLAIN, status: 405 }, TOTAL));
  assert.ok(passes(filters, { ...PLAIN, tries: 2 }, TOTAL));
  assert.ok(!passes(filters, PLAIN, 10e6), 'strictly longer');
  assert.ok(passes(filters, PLAIN, 10e6 + 1));
});

test('what tells of something is kept whatever the share is', () => {
  assert.ok(!isNotable(NONE, PLAIN, TOTAL));
  assert.ok(!isNotable(NONE, { ...PLAIN, cause: 'redirect', status: 302 }, TOTAL));
  assert.ok(isNotable(NONE, { ...PLAIN, cause: 'client_closed' }, TOTAL));
  assert.ok(isNotable(NONE, { ...PLAIN, status: 500 }, TOTAL));
  assert.ok(isNotable(NONE, { ...PLAIN, tries: 2 }, TOTAL));
  assert.ok(isNotable({ ...NONE, minDurationMs: 4 }, PLAIN, TOTAL));
});

test('the share is held, by the id alone', () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => uuidV7(1_700_000_000_000 + i));
  for (const share of [0.01, 0.25, 0.9]) {
    const kept = ids.filter((id) => isAmong(id, share));
    assert.ok(Math.abs(kept.length / ids.length - share) < 0.02, `${kept.length} of ${ids.length} for ${share}`);
    assert.deepEqual(
      ids.filter((id) => isAmong(id, share)),
      kept,
    );
  }
  assert.ok(ids.every((id) => isAmong(id, 1)) && !ids.some((id) => isAmong(id, 0)));
});
