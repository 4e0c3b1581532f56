import assert from 'node:assert/strict';
import test from 'node:test';
import type { DryScope } from '../../../src/data/explain/dry-scope.ts';
import { explainStep } from '../../../src/data/explain/steps.ts';
import type { Middleware } from '../../../src/data/middleware.ts';
import { RequestHead } from '../../../src/http/request-head.ts';

function head(): RequestHead {
  const made = new RequestHead();
  made.begin('GET', '/', '/');
  made.finish();
  return made;
}

test('what takes too long to be judged is told as open', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const slow: Middleware = { foresee: () => new Promise(() => {}) };
  const explained = explainStep('frontend', 'auth', slow, {} as DryScope, head());
  t.mock.timers.tick(10_000);
  const { told, reply } = await explained;
  assert.deepEqual([reply, told.isCertain], [null, false]);
  assert.match(told.does[0], /takes too long to be judged/);
});
