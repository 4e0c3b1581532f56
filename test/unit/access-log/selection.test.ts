import assert from 'node:assert/strict';
import test from 'node:test';
import { isAmong, isNotable, passes } from '../../../src/access-log/selection.ts';
import { uuidV7 } from '../../../src/kernel/uuid.ts';

const NONE = { statuses: [], retryAttempts: false, minDurationMs: 0 };
const PLAIN = { status: 200, retries: 0, total: 5e6, cause: 'ok' };

test('without a filter all lines pass, and of several one is enough', () => {
  assert.ok(passes(NONE, PLAIN));
  const filters = { statuses: [[404, 404] as const, [500, 599] as const], retryAttempts: true, minDurationMs: 10 };
  assert.ok(!passes(filters, PLAIN));
  assert.ok(passes(filters, { ...PLAIN, status: 503 }));
  assert.ok(passes(filters, { ...PLAIN, status: 404 }));
  assert.ok(!passes(filters, { ...PLAIN, status: 405 }));
  assert.ok(passes(filters, { ...PLAIN, retries: 1 }));
  assert.ok(!passes(filters, { ...PLAIN, total: 10e6 }), 'strictly longer');
  assert.ok(passes(filters, { ...PLAIN, total: 10e6 + 1 }));
});

test('what tells of something is kept whatever the share is', () => {
  assert.ok(!isNotable(NONE, PLAIN));
  assert.ok(!isNotable(NONE, { ...PLAIN, cause: 'redirect', status: 302 }));
  assert.ok(isNotable(NONE, { ...PLAIN, cause: 'client_closed' }));
  assert.ok(isNotable(NONE, { ...PLAIN, status: 500 }));
  assert.ok(isNotable(NONE, { ...PLAIN, retries: 1 }));
  assert.ok(isNotable({ ...NONE, minDurationMs: 4 }, PLAIN));
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
