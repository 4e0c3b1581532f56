/** Nonces of digest auth: good with whoever has one of the keys that they were made with. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DigestNonces } from '../../../src/data/auth/digest-nonces.ts';

const [old, now, next, strange] = [1, 2, 3, 4].map((byte) => Buffer.alloc(48, byte));

test('a nonce outlives a rotation, and is good on every node of these keys, but on no other', () => {
  const node = new DigestNonces([now, next]);
  const { nonce, opaque } = node.make();
  for (const ring of [[now], [next, now], [old, now, next]]) {
    assert.equal(new DigestNonces(ring).read(nonce, opaque)?.age, 0);
  }
  node.rotate([next, old, now]);
  assert.notEqual(node.read(nonce, opaque), null);
  assert.notEqual(node.make().opaque, opaque);
  node.rotate([next, old]);
  assert.equal(node.read(nonce, opaque), null);
  assert.equal(new DigestNonces([strange]).read(nonce, opaque), null);
});

test('each nonce is another, with numbers of its own, and its age is told', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const node = new DigestNonces([now]);
  const made = [node.make(), node.make()];
  t.mock.timers.tick(61_000);
  const [one, other] = made.map(({ nonce, opaque }) => node.read(nonce, opaque)!);
  assert.deepEqual([one.age, other.age], [61, 61]);
  assert.notDeepEqual([one.high, one.low], [other.high, other.low]);
  assert.notEqual(one.high, 0);
  t.mock.timers.setTime(0);
  assert.equal(node.read(made[0].nonce, made[0].opaque)!.age, 0, 'a clock that is ahead');
});

test('no byte of it can be another, and no text but one means it', () => {
  const node = new DigestNonces([now, next]);
  const { nonce, opaque } = node.make();
  const bytes = Buffer.from(nonce, 'base64');
  for (let at = 0; at < bytes.length; at++) {
    const other = Buffer.from(bytes);
    other[at] ^= 1;
    assert.equal(node.read(other.toString('base64'), opaque), null, `byte ${at}`);
  }
  for (const text of [
    '',
    ' ',
    `${nonce} `,
    `${nonce}=`,
    nonce.slice(0, -1),
    `${nonce}AAAA`,
    `${nonce.slice(0, -1)}*`,
  ]) {
    assert.equal(node.read(text, opaque), null, text);
  }
  for (const text of ['', 'x', opaque.slice(1)]) assert.equal(node.read(nonce, text), null, text);
  assert.equal(new DigestNonces([next]).read(nonce, new DigestNonces([next]).make().opaque), null);
});
