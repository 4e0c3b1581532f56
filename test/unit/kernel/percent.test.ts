import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodedPath, decodedQuery, encodedPath, isEncodedPath, textOf } from '../../../src/kernel/percent.ts';

test('escapes become text, and an invalid one is told', () => {
  assert.equal(decodedPath('/a%2Fb%20c+d'), '/a/b c+d');
  assert.equal(decodedPath('/%c3%A9é'), '/éé');
  assert.equal(decodedPath('/%2541'), '/%41');
  assert.equal(decodedQuery('a+b%2b'), 'a b+');
  for (const bad of ['/%', '/%4', '/%zz', '/%4g', '/a%%41']) assert.equal(decodedPath(bad), null, bad);
});

test('a path is encoded as Go does it', () => {
  assert.equal(encodedPath('/a b?c#d%e'), '/a%20b%3Fc%23d%25e');
  assert.equal(encodedPath("/é!'()*[]"), '/%C3%A9%21%27%28%29%2A%5B%5D');
  assert.equal(encodedPath('/a-_.~$&+,/:;=@z'), '/a-_.~$&+,/:;=@z');
  assert.equal(isEncodedPath("/a!'()*[]%41"), true);
  for (const bad of ['/a b', '/é', '/a|b', '/?', '/"']) assert.equal(isEncodedPath(bad), false, bad);
});

test('any bytes survive as text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = textOf(bytes);
      const raw = Buffer.from(bytes).toString('hex').replaceAll(/../g, '%$&');
      assert.equal(decodedPath(raw), text);
      assert.equal(decodedPath(encodedPath(text)), text);
    }),
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => textOf(Buffer.from(text)) === text));
});
