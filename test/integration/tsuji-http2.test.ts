/** What HTTP/2 on the engine of our own can do that no other engine does: WebSockets, and an end without a lost request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import test, { after } from 'node:test';
import { exchangeTest, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { ok, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { CLOSE, closeFrame, echoing, frame, readFrame, startWsServer, TEXT } from '../harness/websocket.ts';

const FLAGS = [`--entryPoints=Name:http Address:${OWN_HOST}:0 Engine:tsuji`];
const tsuji = await startTsuji({ after }, { flags: FLAGS });

async function session(t: Scope, at: Tsuji = tsuji): Promise<ClientHttp2Session> {
  const client = connect(`http://${OWN_HOST}:${at.port}`);
  t.after(() => client.destroy());
  client.on('error', () => {});
  await once(client, 'remoteSettings');
  return client;
}

function webSocket(client: ClientHttp2Session, host: string): ClientHttp2Stream {
  return client.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
    ':authority': host,
    'sec-websocket-version': '13',
  });
}

/** Frames of a WebSocket as they come. */
function framesOf(stream: ClientHttp2Stream): { opcode: number; text: string }[] {
  const frames: { opcode: number; text: string }[] = [];
  let bytes = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let next = readFrame(bytes); next !== null; next = readFrame(bytes)) {
      frames.push({ opcode: next.frame.opcode, text: next.frame.payload.toString() });
      bytes = bytes.subarray(next.used);
    }
  });
  return frames;
}

exchangeTest('WebSockets run over HTTP/2 to servers of HTTP/1.1, several on one connection', tsuji, async (t) => {
  const server = await startWsServer(t, echoing);
  const host = await addRoute(tsuji, [`http://${OWN_HOST}:${server.port}`]);
  const client = await session(t);
  assert.equal(client.remoteSettings.enableConnectProtocol, true);
  const streams = [1, 2, 3].map(() => {
    const stream = webSocket(client, host);
    return { stream, answer: once(stream, 'response'), frames: framesOf(stream) };
  });
  for (const [n, { stream, answer, frames }] of streams.entries()) {
    const [head] = await answer;
    assert.equal(head[':status'], 200);
    assert.equal(head['sec-websocket-accept'], undefined);
    const long = 'x'.repeat(200_000);
    stream.write(frame(TEXT, `hello ${n}`, true));
    stream.write(frame(TEXT, long, true));
    await waitFor(() => frames.length === 2, 'the echoes');
    assert.deepEqual(frames[0], { opcode: TEXT, text: `hello ${n}` });
    assert.equal(frames[1].text, long);
    stream.write(closeFrame(1000, 'bye', true));
    await waitFor(() => frames.at(-1)!.opcode === CLOSE && stream.destroyed, 'the end of both');
  }
  assert.equal(client.destroyed, false);
});

exchangeTest('a server that does not want a WebSocket says so, and one that goes away ends it', tsuji, async (t) => {
  const refusing = await startRawServer(t as never, (connection) => {
    connection.socket.on('data', () => connection.send('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'));
  });
  const client = await session(t);
  const refused = webSocket(client, await addRoute(tsuji, [refusing.url]));
  refused.on('error', () => {});
  refused.resume();
  assert.equal((await once(refused, 'response'))[0][':status'], 403);
  const server = await startWsServer(t, (peer) => peer.ws.terminate());
  const broken = webSocket(client, await addRoute(tsuji, [`http://${OWN_HOST}:${server.port}`]));
  broken.on('error', () => {});
  broken.resume();
  await once(broken, 'close');
});

test('an end of the worker loses no request that was under way', async (t) => {
  const server = await startRawServer(t, () => {});
  const ending = await startTsuji(t, { flags: FLAGS });
  const host = await addRoute(ending, [server.url]);
  const client = await session(t, ending);
  const goaways: number[] = [];
  client.on('goaway', (_code, lastId) => goaways.push(lastId));
  const asked = client.request({ ':path': '/', ':authority': host });
  const answer = once(asked, 'response');
  let body = '';
  asked.on('data', (chunk) => {
    body += chunk;
  });
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  ending.kill('SIGTERM');
  await waitFor(() => goaways.length === 2, 'both steps');
  assert.deepEqual(goaways, [2 ** 31 - 1, 1]);
  upstream.send(ok('in time'));
  assert.equal((await answer)[0][':status'], 200);
  await once(asked, 'close');
  assert.equal(body, 'in time');
  assert.deepEqual(await ending.ended(), { code: 0, signal: null });
});
