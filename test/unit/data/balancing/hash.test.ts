import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { NO_HASH } from '../../../../src/data/balancing/choosers.ts';
import { ALWAYS_TAKEN, ConsistentHash, HashKey, textHash } from '../../../../src/data/balancing/hash.ts';
import { Rotation } from '../../../../src/data/balancing/rotation.ts';
import { RequestHead } from '../../../../src/http/request-head.ts';
import { serversChanged } from '../../../../src/shared/cursors.ts';
import { EJECTED } from '../../../../src/shared/server-state.ts';
import { backendView, sharedMemory } from '../../../harness/backend-view.ts';

const KEYS = Array.from({ length: 4000 }, (_, i) => textHash(`10.0.${i >> 8}.${i & 255}`));

function placed(rotation: Rotation, bound = 0): number[] {
  rotation.sync();
  const chooser = new ConsistentHash(bound);
  return KEYS.map((hash) => chooser.choose(rotation, [], hash).slot);
}

test('keys fall to servers by weight', () => {
  const weights = [1, 2, 3, 4];
  const slots = placed(new Rotation(backendView(weights), sharedMemory()));
  weights.forEach((weight, slot) => {
    const share = slots.filter((other) => other === slot).length / KEYS.length;
    assert.ok(Math.abs(share - weight / 10) < 0.03, `${share} for weight ${weight}`);
  });
});

test('a server that goes takes only its own keys along, and every one returns with it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 8 }), fc.nat(), (weights, any) => {
      const gone = any % weights.length;
      const shared = sharedMemory();
      const rotation = new Rotation(backendView(weights), shared);
      const before = placed(rotation);
      shared.serverState.setEjection(gone, EJECTED);
      serversChanged(shared.cursors, 3);
      const without = placed(rotation);
      before.forEach((slot, i) => {
        if (slot !== gone) assert.equal(without[i], slot);
        else assert.notEqual(without[i], gone);
      });
      assert.deepEqual(placed(new Rotation(backendView(weights), sharedMemory())), before);
    }),
    { numRuns: 20 },
  );
});

test('a hot key never brings a server over its bound, and stays together while there is little to do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 6 }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 400 }),
      (weights, keys) => {
        const shared = sharedMemory();
        const rotation = new Rotation(backendView(weights), shared);
        const chooser = new ConsistentHash(125);
        const sum = weights.reduce((a, b) => a + b);
        keys.forEach((key, i) => {
          const { slot } = chooser.choose(rotation, [], KEYS[key]);
          shared.lanes[0].begin(slot);
          const limit = Math.max(ALWAYS_TAKEN, Math.ceil((1.25 * (i + 1) * weights[slot]) / sum));
          assert.ok(shared.serverState.inFlight(slot) <= limit);
          if (i < ALWAYS_TAKEN) assert.equal(slot, new ConsistentHash(0).choose(rotation, [], KEYS[key]).slot);
        });
      },
    ),
  );
});

test('a retry goes to the next highest, always the same', () => {
  const view = backendView([1, 1, 1]);
  const rotation = new Rotation(view, sharedMemory());
  const chooser = new ConsistentHash(125);
  for (const hash of KEYS.slice(0, 100)) {
    const first = chooser.choose(rotation, [], hash);
    const second = chooser.choose(rotation, [first], hash);
    assert.notEqual(second.slot, first.slot);
    assert.equal(chooser.choose(rotation, [first], hash).slot, second.slot);
    assert.ok(chooser.choose(rotation, [...view.servers], hash));
  }
});

test('a request without the key takes its turn', () => {
  const rotation = new Rotation(backendView([1, 1]), sharedMemory());
  const chooser = new ConsistentHash(125);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => chooser.choose(rotation, [], NO_HASH).slot),
    [0, 1, 0, 1],
  );
});

test('a request is told by its address, host, URI, path, a header or a cookie', () => {
  const head = new RequestHead();
  head.begin('GET', '/a?q=1', '/a');
  head.add('host', 'A.test');
  head.add('x-user', 'joe');
  head.add('cookie', 'xsid=no; sid="42"; sid=43');
  assert.equal(head.finish(), true);
  const from = { peerAddress: () => '10.0.0.9', secure: false };
  const of = (key: string): number => new HashKey(key).of(head, from);
  assert.equal(of('client.ip'), textHash('10.0.0.9'));
  assert.equal(of('request.host'), textHash('a.test'));
  assert.equal(of('request.header.Host'), textHash('a.test'));
  assert.equal(of('request.uri'), textHash('/a?q=1'));
  assert.equal(of('request.path'), textHash('/a'));
  assert.equal(of('request.header.X-User'), textHash('joe'));
  assert.equal(of('request.cookie.sid'), textHash('42'));
  assert.equal(of('request.cookie.none'), NO_HASH);
  assert.equal(of('request.header.X-None'), NO_HASH);
});
