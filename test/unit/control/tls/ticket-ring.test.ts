import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { TicketRing, type TicketRingOptions } from '../../../../src/control/tls/ticket-ring.ts';
import type { TicketKeyRing } from '../../../../src/protocol/messages.ts';
import { waitFor } from '../../../harness/wait.ts';

function ringOf(t: TestContext, options: Partial<TicketRingOptions>): { ring: TicketRing; told: TicketKeyRing[] } {
  const told: TicketKeyRing[] = [];
  const ring = new TicketRing({ store: null, onRing: (keys) => told.push(keys), ...options });
  t.after(() => ring.stop());
  return { ring, told };
}

const hex = (ring: TicketKeyRing): string[] => ring.map((key) => Buffer.from(key).toString('hex'));

test('each rotation begins with the key that was there one period before, and keeps the one before', async (t) => {
  const { ring, told } = ringOf(t, { periodMs: 500 });
  const first = hex(ring.ring());
  assert.equal(first.length, 2);
  ring.start();
  await waitFor(() => told.length >= 3, 'three rotations');
  for (const [i, keys] of told.entries()) {
    const before = i === 0 ? first : hex(told[i - 1]);
    const now = hex(keys);
    if (now[0] === before[0]) continue;
    assert.equal(new Set(now).size, now.length);
    if (now[2] === before[0]) assert.equal(now[0], before[1]);
  }
  assert.ok(told.every((keys) => keys.every((key) => key.length === 48)));
});

test('the keys of a store replace our own, and its failure leaves ours in force', async (t) => {
  const shared = new Map<number, Uint8Array>();
  let broken = true;
  const store = {
    async share(period: number, mine: Uint8Array) {
      if (broken) throw new Error('out of reach');
      const theirs = Buffer.alloc(48, period % 256);
      shared.set(period, mine);
      return theirs;
    },
    stop() {},
  };
  const { ring, told } = ringOf(t, { store, retryMs: 20 });
  ring.start();
  await waitFor(() => ring.problem !== '', 'the problem');
  assert.equal(ring.ring().length, 3);
  broken = false;
  await waitFor(() => told.length > 0 && ring.problem === '', 'the shared keys');
  assert.deepEqual([...new Set(ring.ring().map((key) => new Set(key).size))], [1]);
});
