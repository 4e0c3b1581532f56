import test from 'node:test';
import fc from 'fast-check';
import { setLogLevel } from '../../../../src/kernel/log.ts';
import { conversations, converse } from '../../../harness/http2-fuzz.ts';

test('whatever a client sends, nothing throws and nothing is left over', async () => {
  setLogLevel('ERROR');
  await fc.assert(fc.asyncProperty(conversations, converse), { numRuns: 200 });
});
