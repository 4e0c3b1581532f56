/** How long servers of a backend and requests of a frontend may take (shared/spec frontend-options §3.4). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import test, { after } from 'node:test';
import { WebSocketServer } from 'ws';
import { bytesOf, ENGINES, type Engine, onEach, startEngines, whole } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { startHttp2Server } from '../harness/http2.ts';
import { listening } from '../harness/listening.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { wsClient } from '../harness/websocket.ts';

const SHORT = '400ms';
const SHORT_MS = 400;

/** `/silent`: no head; `/half`: some of a body, and no more; `/events`: the same of an event stream, and more much later. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/silent') return;
  if (request.url === '/half') response.write('half');
  else if (request.url === '/drops') {
    const drops = setInterval(() => response.write('drop'), 30);
    response.on('close', () => clearInterval(drops));
  } else if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    setTimeout(() => response.end('data: 2\n\n'), 3 * SHORT_MS);
  } else {
    request.on('end', () => response.end('whole'));
    request.resume();
  }
}
const server = createServer(answer);
server.keepAliveTimeout = 60_000;
const url = await listening({ after }, server);
new WebSocketServer({ server });
/** Takes connections, and says nothing in TLS. */
const deafUrl = (await listening({ after }, createTcpServer())).replace('http', 'https');
const engines = await startEngines({ after }, { workers: 1 });
const { tsuji } = engines;
const route = (keys: Record<string, string>, to = url): Promise<string> => addRoute(tsuji, [to], keys);
const slowly = await route({ 'backends/$/timeouts/responseheader': SHORT, 'backends/$/timeouts/idle': SHORT });
const handshaking = await route({ 'backends/$/timeouts/connect': SHORT }, deafUrl);
const streams = await route({ 'backends/$/timeouts/tunnel': SHORT });
const keeping = await route({ 'backends/$/timeouts/keepalive': SHORT });
const total = await route({ 'frontends/$/timeouts/total': SHORT });
const uploads = await route({ 'frontends/$/timeouts/requestbody': SHORT });

/** On all engines at once. */
function everywhere(title: string, body: (ask: AskOn, engine: Engine) => Promise<void>) {
  test(title, (t) =>
    onEach(ENGINES, (engine) => {
      const client = engines.client(t, engine);
      return body((request) => client.ask(request), engine);
    }),
  );
}
type AskOn = ReturnType<typeof engines.client>['ask'];

everywhere('a server that does not shake hands, or does not answer in time, is a 504', async (ask) => {
  assert.equal((await whole(ask({ host: handshaking }))).status, 504);
  assert.equal((await whole(ask({ host: slowly, path: '/silent' }))).status, 504);
  assert.equal((await whole(ask({ host: slowly }))).body.toString(), 'whole');
});

everywhere('a response whose body stops is broken off, an event stream is not', async (ask) => {
  await assert.rejects(whole(ask({ host: slowly, path: '/half' })));
  const events = await whole(ask({ host: slowly, path: '/events' }));
  assert.equal(events.body.toString(), 'data: 1\n\ndata: 2\n\n');
  await assert.rejects(whole(ask({ host: streams, path: '/events' })));
});

everywhere('a frontend has a time for all of its exchange', async (ask) => {
  assert.equal((await whole(ask({ host: total, path: '/silent' }))).status, 504);
  await assert.rejects(whole(ask({ host: total, path: '/drops' })));
  assert.equal((await whole(ask({ host: total }))).status, 200);
});

everywhere('an upload may take long as long as it goes on', async (ask) => {
  const silent = ask({ host: uploads, method: 'POST', body: 'open' });
  silent.upload.on('error', () => {});
  silent.upload.write('some');
  assert.equal((await silent.head).status, 408);
  const steady = ask({ host: uploads, method: 'POST', body: 'open' });
  for (let i = 0; i < 8; i++) {
    steady.upload.write('some');
    await new Promise((resolve) => setTimeout(resolve, SHORT_MS / 5));
  }
  steady.upload.end();
  assert.equal((await bytesOf(await steady.body)).toString(), 'whole');
});

test('a WebSocket in which nobody says anything is ended, one in which somebody does is not', async (t) => {
  for (const engine of ['uws', 'tsuji'] as const) {
    const talking = await wsClient(t, engines.port(engine), streams);
    const quiet = await wsClient(t, engines.port(engine), streams);
    while (quiet.closed === null) {
      talking.ws.send('x');
      await new Promise((resolve) => setTimeout(resolve, SHORT_MS / 5));
    }
    assert.equal(talking.closed, null, engine);
    talking.ws.terminate();
  }
});

test('an idle connection to a server is kept as long as its backend says', async (t) => {
  const client = engines.client(t, 'tsuji');
  const connected = once(server, 'connection');
  assert.equal((await whole(client.ask({ host: keeping }))).status, 200);
  const [socket] = (await connected) as [Socket];
  await waitFor(() => socket.destroyed, 'the connection to end');
});

test('the same holds for servers that speak HTTP/2', async (t) => {
  const h2 = await startHttp2Server(t, ({ stream, headers }) => {
    const path = headers[':path'];
    if (path === '/silent') return;
    stream.respond({ ':status': 200 });
    if (path === '/half') stream.write('half');
    else stream.end('whole');
  });
  const host = await route({ 'backends/$/timeouts/responseheader': SHORT, 'backends/$/timeouts/idle': SHORT }, h2.url);
  const client = engines.client(t, 'tsuji-h2');
  assert.equal((await whole(client.ask({ host, path: '/silent' }))).status, 504);
  await assert.rejects(whole(client.ask({ host, path: '/half' })));
  assert.equal((await whole(client.ask({ host }))).body.toString(), 'whole');
});

test('a time that is none is told, and those that are given are shown', async () => {
  const name = (await route({ 'backends/$/timeouts/connect': 'soon', 'backends/$/timeouts/tunnel': '2' })).split(
    '.',
  )[0];
  const { problems } = await tsuji.status();
  const key = `backends/${name}/timeouts/connect`;
  assert.ok(problems.some((each) => each.key.endsWith(key) && /"soon" is no duration/.test(each.reason)));
  const shown = (await (await tsuji.api(`/api/providers/folder/backends/${name}`)).json()) as { timeouts: object };
  assert.deepEqual(shown.timeouts, { tunnelMs: 2_000 });
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
