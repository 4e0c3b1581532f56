/**
 * `npm run fuzz -- [SECONDS] [SEED]`: conversations at random with the engine of our own, for as long as is wanted. What fails
 * is made as small as can be, and told with the seed that brings it again.
 */
import fc from 'fast-check';
import { setLogLevel } from '../src/kernel/log.ts';
import { conversations, converse } from '../test/harness/http2-fuzz.ts';

const [seconds = '60', seed = String(Date.now() & 0x7fff_ffff)] = process.argv.slice(2);
setLogLevel('ERROR');
const result = await fc.check(fc.asyncProperty(conversations, converse), {
  seed: Number(seed),
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: Number(seconds) * 1_000,
});
process.stdout.write(`${result.numRuns} conversations, seed ${seed}\n`);
if (result.failed && !result.interrupted) {
  process.stdout.write(`${fc.defaultReportMessage(result)}\n`);
  process.exitCode = 1;
}
