import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Facts, HeldLevel, levelOf, type SourceFacts } from '../../../../src/control/board/verdict.ts';

const LIVE: SourceFacts = { name: 'etcdv3', state: 'live', wasLive: true, isRemembered: false, silentMs: 0 };
const NEVER: SourceFacts = { ...LIVE, state: 'connecting', wasLive: false, silentMs: 3_600_000 };
const WELL: Facts = {
  workers: { serving: 8, wanted: 8 },
  hasServed: true,
  rate: 1_000,
  e5: 0,
  backends: 60,
  failing: 0,
  allFailing: 0,
  sources: [LIVE],
  unsettledMs: 0,
  expiredCertificates: 0,
};

const LEVELS: readonly [what: string, changes: Partial<Facts>, level: string][] = [
  ['all is well', {}, 'healthy'],
  ['no worker serves', { workers: { serving: 0, wanted: 8 } }, 'outage'],
  ['half of the requests get a 5xx', { e5: 0.5 }, 'outage'],
  ['half of very few requests do', { e5: 0.5, rate: 0.9 }, 'healthy'],
  ['every backend with servers fails', { failing: 60, allFailing: 60 }, 'outage'],
  ['there is no backend', { backends: 0, failing: 0 }, 'healthy'],
  ['no source was ever live', { sources: [NEVER] }, 'starting'],
  ['no worker has ever served', { hasServed: false, workers: { serving: 0, wanted: 8 } }, 'starting'],
  ['no source was ever live, and clients get 5xx', { sources: [NEVER], e5: 1 }, 'outage'],
  ['the keys of an earlier run stand in', { sources: [{ ...NEVER, state: 'stale', isRemembered: true }] }, 'degraded'],
  ['one backend fails', { failing: 1, allFailing: 1 }, 'degraded'],
  ['one without servers fails', { allFailing: 1 }, 'degraded'],
  ['1 % of the requests get a 5xx', { e5: 0.01 }, 'degraded'],
  ['fewer do', { e5: 0.0099 }, 'healthy'],
  ['a source is stale for 31 s', { sources: [LIVE, { ...LIVE, state: 'stale', silentMs: 31_000 }] }, 'degraded'],
  ['a source is stale for 29 s', { sources: [LIVE, { ...LIVE, state: 'stale', silentMs: 29_000 }] }, 'healthy'],
  ['a source is gone that was live', { sources: [LIVE, { ...LIVE, state: 'absent' }] }, 'degraded'],
  ['a source never was there', { sources: [LIVE, { ...NEVER, state: 'absent' }] }, 'healthy'],
  ['one of two sources does not answer', { sources: [LIVE, NEVER] }, 'degraded'],
  ['one worker is missing', { workers: { serving: 7, wanted: 8 } }, 'degraded'],
  ['a generation does not settle', { unsettledMs: 10_001 }, 'degraded'],
  ['a served certificate has ended', { expiredCertificates: 1 }, 'degraded'],
];

for (const [what, changes, level] of LEVELS) {
  test(`${what}: ${level}`, () => assert.equal(levelOf({ ...WELL, ...changes }), level));
}

test('it gets worse at once, and better after 10 s of better only', () => {
  const held = new HeldLevel(0);
  assert.ok(held.take('healthy', 1_000), 'the start ends at once');
  assert.ok(held.take('degraded', 20_000));
  assert.ok(held.take('outage', 22_000));
  assert.equal(held.since, 22_000);
  assert.ok(!held.take('healthy', 24_000));
  assert.ok(!held.take('outage', 30_000), 'it was better for 6 s only');
  assert.ok(!held.take('healthy', 32_000));
  assert.ok(!held.take('degraded', 36_000));
  assert.equal(held.level, 'outage');
  assert.ok(held.take('healthy', 42_000));
  assert.equal(held.level, 'degraded', 'the worst that it was meanwhile');
  assert.ok(!held.take('healthy', 44_000));
  assert.ok(held.take('healthy', 54_000));
  assert.equal(held.level, 'healthy');
});
