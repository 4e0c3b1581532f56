/** What becomes of open WebSockets when tsuji ends, and of everything else when one of them fails. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { rawClient, startRawServer } from '../harness/raw.ts';
import { routeKeys, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, handshake, startWsServer, wsClient } from '../harness/websocket.ts';

const HOST = 'nginx.example.com';

test('SIGTERM waits for open WebSockets, which go on meanwhile, and ends when the last one does', async (t) => {
  const server = await startWsServer(t, echoing);
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]), flags: ['--lifeCycle.graceTimeOut=60s'] });
  const client = await wsClient(t, tsuji.port, HOST);
  tsuji.kill('SIGTERM');
  await waitFor(async () => (await tsuji.api('/ping')).status === 503, '/ping to say 503');
  client.ws.send('still here');
  assert.equal((await client.next()).data.toString(), 'still here');
  assert.equal(tsuji.exit, null);
  client.ws.close(1000, 'done');
  assert.deepEqual(await server.peers[0].untilClosed(), { code: 1000, reason: 'done' });
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});

test('after the grace time both sides of an open WebSocket are told 1001, and the end has code 0', async (t) => {
  const server = await startWsServer(t);
  const tsuji = await startTsuji(t, {
    keys: routeKeys([server.url]),
    flags: ['--lifeCycle.graceTimeOut=200ms'],
    workers: 2,
  });
  const clients = [];
  for (let i = 0; i < 10; i++) clients.push(await wsClient(t, tsuji.port, HOST));
  // One that is still in its handshake ends as well.
  const mute = await startRawServer(t);
  tsuji.set('backends/backend2/servers/s/url', mute.url);
  tsuji.set('frontends/frontend2/backend', 'backend2');
  tsuji.set('frontends/frontend2/routes/r/rule', 'Host:mute.test');
  await tsuji.waitForStatus((status) => status.settled && status.backends.length === 2, 'the second route');
  const pending = await rawClient(t, tsuji.port);
  pending.send(handshake('mute.test'));
  await (await mute.next()).until('\r\n\r\n');
  tsuji.kill('SIGTERM');
  for (const peer of [...clients, ...server.peers]) assert.equal((await peer.untilClosed()).code, 1001);
  await pending.untilClosed();
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
  assert.doesNotMatch(tsuji.output, /Warning|level=error/);
});

test('no WebSocket is ever taken for idle', async (t) => {
  const server = await startWsServer(t, echoing);
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]) });
  const client = await wsClient(t, tsuji.port, HOST);
  // Stopping and restarting the flow leaves a timer of 10 s in uWebSockets, which must not be in force.
  server.peers[0].ws.pause();
  for (let i = 0; i < 60; i++) client.ws.send(Buffer.alloc(1 << 20));
  await waitFor(() => client.ws.bufferedAmount > 0, 'the client to be stopped');
  server.peers[0].ws.resume();
  await waitFor(() => client.messages.length === 60, 'all echoes');
  const until = Date.now() + 13_000;
  await waitFor(() => Date.now() > until || client.closed !== null, 'the time in which it would end');
  client.ws.send('awake');
  await waitFor(() => client.messages.at(-1)?.data.toString() === 'awake', 'an echo');
  assert.equal(client.closed, null);
});
