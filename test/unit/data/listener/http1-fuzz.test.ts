import test from 'node:test';
import fc from 'fast-check';
import { setLogLevel } from '../../../../src/kernel/log.ts';
import { conversations, converse } from '../../../harness/http1-fuzz.ts';

test('whatever a client of HTTP/1 sends, each conversation ends, nothing throws and nothing is left over', async () => {
  setLogLevel('ERROR');
  await fc.assert(fc.asyncProperty(conversations, converse), { numRuns: 500 });
});
