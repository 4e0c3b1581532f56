import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { firstProblems } from '../../../../src/control/admin/first-problems.ts';
import type { Problem } from '../../../../src/kernel/problems.ts';

const STATES = ['rejected', 'defaulted', 'warned', 'ignored'] as const;

test('the worst are shown, of these the first by key, in the order of keys', () => {
  const problem = fc.record({
    key: fc.string({ maxLength: 3 }),
    state: fc.constantFrom(...STATES),
    reason: fc.constant(''),
  });
  const problems = fc.uniqueArray(problem, { selector: ({ key }) => key, maxLength: 60, size: 'max' });
  fc.assert(
    fc.property(problems, fc.integer({ min: 1, max: 20 }), (all: Problem[], most) => {
      const byKey = all.toSorted((one, other) => (one.key < other.key ? -1 : 1));
      const worst = STATES.flatMap((state) => byKey.filter((each) => each.state === state)).slice(0, most);
      assert.deepEqual(
        firstProblems(all, most),
        byKey.filter((each) => worst.includes(each)),
      );
    }),
  );
});
