/** Clients that send as fast as uWebSockets reads keep it within one turn of the event loop: they are ended there. */
import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import test, { after } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startEngines } from '../harness/engines.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const engines = await startEngines({ after }, { workers: 1 });
const { tsuji } = engines;
const server = await startRawServer({ after }, (connection) => {
  // It takes whatever comes.
  connection.socket.on('data', () => {});
});
const small = await startRawServer(
  { after },
  answering(() => ok('hello')),
);
const sink = await addRoute(tsuji, [server.url]);
const bystander = await addRoute(tsuji, [small.url]);

const FLOODS: readonly (readonly [what: string, first: string, again: string, sign: RegExp])[] = [
  [
    'requests that are answered at once',
    '',
    'GET / HTTP/1.1\r\nHost: z\r\n\r\n'.repeat(8_000),
    /limit=requests_at_once/,
  ],
  [
    'tiny chunks',
    `POST / HTTP/1.1\r\nHost: ${sink}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    '1\r\na\r\n'.repeat(40_000),
    /too many tiny pieces of a body at once|limit=/,
  ],
];

async function open(engine: 'uws' | 'uws-tls'): Promise<Socket> {
  const port = engines.port(engine);
  const socket =
    engine === 'uws' ? connectTcp(port, OWN_HOST) : connectTls({ port, host: OWN_HOST, rejectUnauthorized: false });
  await new Promise((resolve) => socket.once(engine === 'uws' ? 'connect' : 'secureConnect', resolve));
  socket.on('data', () => {});
  socket.on('error', () => {});
  return socket;
}

for (const engine of ['uws', 'uws-tls'] as const) {
  for (const [what, first, again, sign] of FLOODS) {
    test(`${engine}: a flood of ${what} ends, and others are served`, async (t) => {
      const socket = await open(engine);
      t.after(() => socket.destroy());
      socket.write(first);
      const flood = (): void => {
        if (socket.destroyed) return;
        if (socket.writableLength < again.length) socket.write(again, 'latin1');
        setImmediate(flood);
      };
      flood();
      await waitFor(() => socket.destroyed, 'the flood to be ended');
      const client = engines.client(t, engine);
      assert.equal((await client.ask({ host: bystander }).head).status, 200);
      if (engine === 'uws' && what.startsWith('requests')) await tsuji.hasSaid(sign);
    });
  }
}
