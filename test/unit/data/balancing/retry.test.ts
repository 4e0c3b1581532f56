import assert from 'node:assert/strict';
import test from 'node:test';
import {
  GIVE_UP,
  isRepeatable,
  MAX_SESSION_RESENDS,
  NEXT_SERVER,
  pauseBefore,
  RESEND,
  retryDecision,
  type Try,
  triesAllowed,
} from '../../../../src/data/balancing/retry.ts';
import { retryAfterMs } from '../../../../src/http/retry-after.ts';
import { FAULTS } from '../../../../src/kernel/errors.ts';

const FIRST: Try = {
  sent: false,
  reused: false,
  bodyHeld: true,
  repeatable: true,
  answered: false,
  resends: 0,
  trial: false,
  triesLeft: 0,
};

test('what never reached a server goes to the next one while tries are left', () => {
  assert.equal(retryDecision(FAULTS.connectRefused, { ...FIRST, triesLeft: 1 }), NEXT_SERVER);
  assert.equal(retryDecision(FAULTS.connectTimeout, { ...FIRST, triesLeft: 1, repeatable: false }), NEXT_SERVER);
  assert.equal(retryDecision(FAULTS.connectRefused, FIRST), GIVE_UP);
});

test('a kept connection that dies unanswered gives a repeatable request one more chance, with or without --retry', () => {
  const kept = { ...FIRST, sent: true, reused: true };
  assert.equal(retryDecision(FAULTS.upstreamClosed, kept), RESEND);
  assert.equal(retryDecision(FAULTS.upstreamClosed, { ...kept, resends: 1 }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.upstreamClosed, { ...kept, repeatable: false, triesLeft: 5 }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.upstreamClosed, { ...kept, reused: false, triesLeft: 5 }), GIVE_UP);
});

test('what the server did not look at is sent once more, whatever its method, while its body is still ours', () => {
  const refused = { ...FIRST, sent: true, repeatable: false };
  assert.equal(retryDecision(FAULTS.streamRefused, refused), RESEND);
  assert.equal(retryDecision(FAULTS.streamRefused, { ...refused, resends: 1 }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.streamRefused, { ...refused, resends: 1, triesLeft: 1 }), NEXT_SERVER);
  assert.equal(retryDecision(FAULTS.streamRefused, { ...refused, bodyHeld: false, triesLeft: 5 }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.streamRefused, { ...refused, bodyHeld: false, sent: false }), RESEND);
});

test('what waits on HTTP/2 sessions that end one after the other is sent anew more often, but not for ever', () => {
  const ended = { ...FIRST, sent: true, repeatable: false };
  assert.equal(retryDecision(FAULTS.sessionEnded, { ...ended, resends: MAX_SESSION_RESENDS - 1 }), RESEND);
  assert.equal(retryDecision(FAULTS.sessionEnded, { ...ended, resends: MAX_SESSION_RESENDS }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.sessionEnded, { ...ended, bodyHeld: false, triesLeft: 5 }), GIVE_UP);
});

test('a repeatable request that was the trial of an ejected server goes to another one, whatever became of it', () => {
  const trial = { ...FIRST, sent: true, trial: true, triesLeft: 1 };
  assert.equal(retryDecision(FAULTS.upstreamClosed, trial), NEXT_SERVER);
  assert.equal(retryDecision(FAULTS.upstreamClosed, { ...trial, repeatable: false }), GIVE_UP);
  assert.equal(retryDecision(FAULTS.upstreamClosed, { ...trial, triesLeft: 0 }), GIVE_UP);
});

test('nothing is tried again once the server has answered or the fault forbids it', () => {
  for (const fault of Object.values(FAULTS)) {
    for (const sent of [false, true]) {
      for (const reused of [false, true]) {
        const tried: Try = { ...FIRST, sent, reused, answered: true, trial: true, triesLeft: 9 };
        assert.equal(retryDecision(fault, tried), GIVE_UP);
        if (fault.retry === 'never') assert.equal(retryDecision(fault, { ...tried, answered: false }), GIVE_UP);
      }
    }
  }
});

test('only methods that a server may see twice are repeatable', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) assert.equal(isRepeatable(method), true);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'get', 'CONNECT']) assert.equal(isRepeatable(method), false);
});

test('without --retry there is one try; with it as many as it says, or as there are servers', () => {
  assert.equal(triesAllowed(null, 5), 1);
  assert.equal(triesAllowed(3, 5), 3);
  assert.equal(triesAllowed(0, 5), 5);
});

test('pauses double over the tries, a half more or less', () => {
  const pauses = (random: number) => [2, 3, 4, 5].map((n) => Math.round(pauseBefore(n, 5, 100, random)));
  assert.deepEqual(pauses(0.5), [100, 119, 141, 168]);
  assert.deepEqual([pauses(0)[0], pauses(1)[0]], [50, 150]);
  assert.equal(pauseBefore(2, 1, 100, 0.5), 100);
  assert.equal(pauseBefore(3, 5, 0, 1), 0);
});

test('Retry-After is seconds or a date, and what it is not says nothing', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  for (const [value, ms] of [
    ['7', 7_000],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['', 0],
    ['soon', 0],
  ] as const) {
    assert.equal(retryAfterMs(value, now), ms, value);
  }
});
