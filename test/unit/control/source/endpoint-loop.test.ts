import assert from 'node:assert/strict';
import test from 'node:test';
import { EndpointMemory, followEndpoints } from '../../../../src/control/source/endpoint-loop.ts';

test('who follows the same store later begins with the endpoint that answered', async () => {
  const memory = new EndpointMemory();
  const asked: string[] = [];
  const follow = async (endpoint: string): Promise<null> => {
    asked.push(endpoint);
    if (endpoint === 'hangs:1') throw new Error('no answer within 5000 ms');
    memory.answered(endpoint);
    return null;
  };
  const { signal } = new AbortController();
  for (let i = 0; i < 2; i++) await followEndpoints(['hangs:1', 'good:2'], memory, signal, follow, () => {});
  // Of another store it knows nothing.
  await followEndpoints(['other:3'], memory, signal, follow, () => {});
  assert.deepEqual(asked, ['hangs:1', 'good:2', 'good:2', 'other:3']);
});
