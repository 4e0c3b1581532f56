/** `--limits.workerBuffers` and `--limits.connectionBuffers`: what waits too much for a slow peer ends, and only that. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { bufferedBytes, exchangeTest, type Scope } from '../harness/exchanges.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, type Peer, startWsServer, wsClient } from '../harness/websocket.ts';

const MIB = 1 << 20;
/** As long as a message may be. */
const MESSAGE = Buffer.alloc(16 * MIB, 'm');

const ofConnection = await startTsuji({ after }, { flags: ['--limits.connectionBuffers=10'] });
const ofWorker = await startTsuji({ after }, { flags: ['--limits.workerBuffers=30', '--limits.connectionBuffers=0'] });

async function endedSoFar(tsuji: Tsuji): Promise<number> {
  return Number(/^tsuji_buffer_limit_total (\d+)$/m.exec(await tsuji.metrics())![1]);
}

/** A WebSocket whose server does not read. */
async function stopped(t: Scope, tsuji: Tsuji): Promise<{ client: Peer; server: Peer }> {
  const ws = await startWsServer(t);
  const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [ws.url]));
  const server = await ws.next();
  server.ws.pause();
  return { client, server };
}

async function fill({ client }: { client: Peer }, tsuji: Tsuji): Promise<void> {
  const [buffered, ended] = [await bufferedBytes(tsuji), await endedSoFar(tsuji)];
  client.ws.send(MESSAGE);
  await waitFor(
    async () => (await bufferedBytes(tsuji)) > buffered || (await endedSoFar(tsuji)) > ended,
    'the message to wait or too much to be ended',
  );
}

exchangeTest('a WebSocket that waits with more than its own limit is closed with 1013', ofConnection, async (t) => {
  const tsuji = ofConnection;
  const before = await endedSoFar(tsuji);
  const bystander = await wsClient(t, tsuji.port, await addRoute(tsuji, [(await startWsServer(t, echoing)).url]));
  const one = await stopped(t, tsuji);
  await fill(one, tsuji);
  assert.equal((await one.client.untilClosed()).code, 1013);
  bystander.ws.send('still here');
  assert.equal((await bystander.next()).data.toString(), 'still here');
  assert.equal((await endedSoFar(tsuji)) - before, 1);
  assert.match(tsuji.output, /level=warning .* event=limit_reached worker=0 limit=limits.connectionBuffers value=\d+/);
});

exchangeTest('of several that wait with more than the worker may keep the largest is ended', ofWorker, async (t) => {
  const tsuji = ofWorker;
  const before = await endedSoFar(tsuji);
  const all: { client: Peer; server: Peer }[] = [];
  while ((await endedSoFar(tsuji)) === before) {
    assert.ok(all.length < 6, 'nothing was ended');
    const one = await stopped(t, tsuji);
    all.push(one);
    await fill(one, tsuji);
  }
  await waitFor(() => all.some(({ client }) => client.closed !== null), 'one of them to be closed');
  const left = all.filter(({ client }) => client.closed === null);
  assert.equal(left.length, all.length - 1);
  assert.ok((await bufferedBytes(tsuji)) <= 30 * MIB);
  // Nothing of what the others wait with is lost.
  for (const { server } of left) {
    server.ws.resume();
    assert.equal((await server.next()).data.length, MESSAGE.length);
  }
});
