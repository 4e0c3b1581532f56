/** HTTP/2 servers that say nothing any more: 15 seconds of silence, as those of the product, last 300 ms here. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, openUpstream, response } from '../harness/exchanges.ts';
import { literals, startFrameServer } from '../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, frame } from '../harness/http2-frames.ts';
import { rawClient } from '../harness/raw.ts';
import { addRoute, FAST_TIMERS, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { imports: [FAST_TIMERS] });

const get = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const EMPTY = literals([
  [':status', '200'],
  ['content-length', '0'],
]);

exchangeTest('a server that does not answer a PING is given up, and its requests with it', tsuji, async (t) => {
  let pings = 0;
  const server = await startFrameServer(
    t,
    (_connection, seen) => {
      if (seen.type === FRAME.ping) pings++;
    },
    { mute: true },
  );
  const client = await rawClient(t, tsuji.port);
  client.send(get(await addRoute(tsuji, [server.url])));
  assert.equal((await response(client)).status, 502);
  assert.equal(pings, 1);
  await waitFor(() => server.connections[0].closed, 'the connection to end');
});

exchangeTest('a connection without requests ends by itself', tsuji, async (t) => {
  const server = await startFrameServer(t, (connection, seen) => {
    if (seen.type === FRAME.headers) {
      connection.send(frame(FRAME.headers, END_HEADERS | END_STREAM, seen.stream, EMPTY));
    }
  });
  const client = await rawClient(t, tsuji.port);
  client.send(get(await addRoute(tsuji, [server.url])));
  assert.equal((await response(client)).status, 200);
  assert.equal(await openUpstream(tsuji), 1);
  await waitFor(async () => (await openUpstream(tsuji)) === 0, 'the connection to end');
});

exchangeTest('a stream may be silent for minutes, and its server is hardly ever asked meanwhile', tsuji, async (t) => {
  let pings = 0;
  let stream = 0;
  const server = await startFrameServer(t, (_connection, seen) => {
    if (seen.type === FRAME.ping) pings++;
    if (seen.type === FRAME.headers) stream = seen.stream;
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  await waitFor(() => pings === 1, 'a PING');
  // 310 s of silence are 6.2 s here: more than two PINGs in five minutes are a flood to servers of gRPC.
  const since = performance.now();
  await waitFor(() => pings === 2, 'another one');
  assert.ok(performance.now() - since > 5_500, 'too soon');
  assert.equal(server.connections[0].closed, false);
  server.connections[0].send(frame(FRAME.headers, END_HEADERS | END_STREAM, stream, EMPTY));
  assert.equal((await response(client)).status, 200);
});
