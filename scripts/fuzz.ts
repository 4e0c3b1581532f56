/**
 * `npm run fuzz -- [SECONDS] [SEED]`: conversations at random with the engine of our own, HTTP/1 and HTTP/2 for half of the
 * time each. What fails is made as small as can be, and told with the seed that brings it again.
 */
import fc from 'fast-check';
import { setLogLevel } from '../src/kernel/log.ts';
import * as http1 from '../test/harness/http1-fuzz.ts';
import * as http2 from '../test/harness/http2-fuzz.ts';

const [seconds = '60', seed = String(Date.now() & 0x7fff_ffff)] = process.argv.slice(2);
setLogLevel('ERROR');

async function play<T>(name: string, conversations: fc.Arbitrary<T>, converse: (all: T) => Promise<void>) {
  const result = await fc.check(fc.asyncProperty(conversations, converse), {
    seed: Number(seed),
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: Number(seconds) * 500,
  });
  process.stdout.write(`${name}: ${result.numRuns} conversations, seed ${seed}\n`);
  if (!result.failed || result.interrupted) return;
  process.stdout.write(`${fc.defaultReportMessage(result)}\n`);
  process.exitCode = 1;
}

await play('HTTP/1', http1.conversations, http1.converse);
await play('HTTP/2', http2.conversations, http2.converse);
