import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodedKeyText, escapedName, keyText } from '../../../src/kernel/key-text.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';

/** It stands somewhere in an answer. */
function text(key: Buffer): string {
  const bytes = Buffer.concat([Buffer.from('\xff'), key, Buffer.from('/')]);
  return keyText(bytes, 2, 2 + key.length, '/p');
}

const relative = (key: Buffer): string => text(key).slice(3);

test('two keys never have one text, and what is UTF-8 has its own', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((tail) => Buffer.concat([Buffer.from('/p/'), tail]));
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(text(a) === text(b), a.equals(b));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.equal(relative(Buffer.from(`/p/${name}`)), name);
      assert.equal(escapedName(name), null);
    }),
  );
});

test('a name that is no UTF-8 is rejected by its escaped bytes, and makes no object', () => {
  const builder = new ModelBuilder({
    prefix: '/p',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const keys = [0xff, 0xfe].map((byte) =>
    Buffer.concat([Buffer.from('/p/backends/b'), Buffer.from([byte]), Buffer.from('/servers/s/url')]),
  );
  const { model } = builder.update(keys.map((key) => ({ key: relative(key), value: 'http://s' })));
  assert.equal(model.backends.size, 0);
  assert.deepEqual(
    [...model.problems.values()].map(({ key, state }) => [key, state]),
    [
      ['/p/backends/b\\xff/servers/s/url', 'rejected'],
      ['/p/backends/b\\xfe/servers/s/url', 'rejected'],
    ],
  );
  assert.equal(builder.update(keys.map((key) => ({ key: relative(key), value: null }))).model.problems.size, 0);
});

test('where a store has lost bytes of a name already, that is seen', () => {
  assert.equal(escapedName(decodedKeyText('/p/backends/\ufffd', '/p').slice(3)), 'backends/\ufffd');
  assert.equal(decodedKeyText('/p/backends/b', '/p'), '/p/backends/b');
});
