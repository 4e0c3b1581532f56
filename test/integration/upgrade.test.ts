/** Ending and upgrading under load: who asks is answered, on both engines and in whatever manner connections are used. */
import assert from 'node:assert/strict';
import test, { before, describe, type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawServer, startRawServer } from '../harness/raw.ts';
import { routeKeys, startTsuji, type Tsuji, type TsujiOptions } from '../harness/tsuji.ts';
import { type Manner, Visitors } from '../harness/visitors.ts';

const HOST = 'nginx.example.com';
/**
 * The kernel resets whoever has come between the last look into the queue of a listener and its end: microseconds, but a
 * busy machine may take the processor away right there. Without that look it was some twenty of them each time.
 */
const MOST_LOST = 2;
const CLIENTS = 16;

let server: RawServer;
before(async () => {
  server = await startRawServer(
    { after() {} },
    answering(() => ok('x')),
  );
  server.server.unref();
});

function start(t: TestContext, engine: string, options: TsujiOptions = {}): Promise<Tsuji> {
  const flags = [`--entryPoints=Name:http Address:${OWN_HOST}:0 Engine:${engine}`, ...(options.flags ?? [])];
  return startTsuji(t, { keys: routeKeys([server.url], HOST), workers: 2, ...options, flags });
}

function lostOf({ failures }: Visitors): string {
  return failures.length <= MOST_LOST ? '' : failures.join(', ');
}

describe('under load', () => {
  for (const engine of ['uws', 'tsuji']) {
    for (const manner of ['each', 'kept'] as const satisfies readonly Manner[]) {
      test(`SIGTERM resets nobody who was there before it: ${engine}, connections ${manner}`, async (t) => {
        const tsuji = await start(t, engine);
        const visitors = new Visitors(tsuji.port, HOST, manner).start(CLIENTS);
        await visitors.more(300);
        tsuji.kill('SIGTERM');
        assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
        await visitors.stop();
        assert.equal(lostOf(visitors), '');
        assert.ok(visitors.refused > 0);
      });
    }
  }
});
