import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { matchesGlob, parseConstraint } from '../../../src/kernel/constraints.ts';

test('a star stands for any text and everything else for itself', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?', '[') });
  fc.assert(
    fc.property(text, text, (glob, tag) => {
      const pattern = glob.split('*').map((part) => part.replace(/[.?[]/g, '\\$&'));
      assert.equal(matchesGlob(glob, tag), new RegExp(`^${pattern.join('.*')}$`, 's').test(tag), `${glob} for ${tag}`);
    }),
    { numRuns: 2_000 },
  );
});

test('what is no constraint on tags is refused with its text', () => {
  for (const text of ['', 'tag', 'tag=a', 'tags==a', 'Tag==a', '==a', 'tag ==a', 'tag!!a']) {
    assert.throws(
      () => parseConstraint(text),
      (error: Error) => error.message.includes(JSON.stringify(text)),
    );
  }
});
