import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

test('threads that collect garbage at the same time do not take the way to it from each other', async () => {
  const url = new URL('../../../src/kernel/collect-garbage.ts', import.meta.url).href;
  const script = `import('${url}').then(({ collectGarbage }) => {
    for (let i = 0; i < 100; i++) collectGarbage();
  });`;
  const threads = Array.from({ length: 3 }, () => new Worker(script, { eval: true }));
  const codes = await Promise.all(threads.map(async (thread) => (await once(thread, 'exit'))[0] as number));
  assert.deepEqual(codes, [0, 0, 0]);
});
