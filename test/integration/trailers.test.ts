/** Trailers go both ways, whatever is spoken on either side, where an engine can send them. */
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import test, { after } from 'node:test';
import { ENGINES, startEngines } from '../harness/engines.ts';
import { exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { startHttp2Server } from '../harness/http2.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';

const engines = await startEngines({ after });
const { tsuji } = engines;

type Seen = Record<string, string | undefined>;
type Server = { url: string; seen: () => Seen };

/** What may not stand in a trailer is left out on the way. */
const SENT = 'X-Sum: 42\r\nSet-Cookie: a=1\r\nX-Forwarded-For: 1.2.3.4\r\nX_Real.Ip: 1.2.3.4\r\nContent_Length: 1\r\n';

async function http1Server(t: Scope): Promise<Server> {
  let seen: Seen = {};
  const server = await startRawServer(t, (connection) => {
    connection.socket.on('data', () => {
      const end = /\r\n0\r\n([\s\S]*)\r\n$/.exec(connection.received);
      if (end === null) return;
      const lines = end[1].split('\r\n').filter((line) => line !== '');
      seen = Object.fromEntries(lines.map((line) => line.split(': ', 2)));
      connection.received = '';
      connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${SENT}\r\n`);
    });
  });
  return { url: server.url, seen: () => seen };
}

async function http2Server(t: Scope): Promise<Server> {
  let seen: Seen = {};
  const server = await startHttp2Server(t, ({ stream }) => {
    stream.on('trailers', (fields) => {
      seen = { ...fields } as Seen;
    });
    stream.resume();
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'x-sum': '42', 'set-cookie': 'a=1', 'x-forwarded-for': '1.2.3.4' }),
      );
      stream.end('ok');
    });
  });
  return { url: server.url, seen: () => seen };
}

const CHUNKED = 'POST / HTTP/1.1\r\nHost: $\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n';

async function http1Client(t: Scope, host: string): Promise<Seen> {
  const client = await rawClient(t, engines.port('tsuji'));
  client.send(`${CHUNKED.replace('$', host)}${SENT}\r\n`);
  const received = await client.until('\r\n\r\n').then(() => client.until('\r\n\r\n'));
  const lines = received.split('\r\n0\r\n')[1].trim().split('\r\n');
  return Object.fromEntries(lines.map((line) => line.split(': ', 2)));
}

async function http2Client(t: Scope, host: string): Promise<Seen> {
  const session = connectHttp2(`http://${OWN_HOST}:${engines.port('tsuji')}`);
  t.after(() => session.destroy());
  const stream = session.request(
    { ':method': 'POST', ':path': '/', ':authority': host, te: 'trailers' },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'x-sum': '42', 'set-cookie': 'a=1', 'x-forwarded-for': '1.2.3.4' }),
  );
  stream.end('hello');
  stream.resume();
  return new Promise((resolve, reject) => {
    stream.on('trailers', (fields) => resolve({ ...fields } as Seen));
    stream.on('close', () => reject(new Error('no trailers')));
  });
}

function lower(seen: Seen): Seen {
  return Object.fromEntries(Object.entries(seen).map(([name, value]) => [name.toLowerCase(), value]));
}

for (const [to, startServer] of [
  ['HTTP/1.1', http1Server],
  ['HTTP/2', http2Server],
] as const) {
  for (const [from, ask] of [
    ['HTTP/1.1', http1Client],
    ['HTTP/2', http2Client],
  ] as const) {
    exchangeTest(`trailers of ${from} clients reach ${to} servers, and theirs come back`, tsuji, async (t) => {
      const server = await startServer(t);
      const got = await ask(t, await addRoute(tsuji, [server.url]));
      assert.deepEqual(lower(got), { 'x-sum': '42' });
      assert.deepEqual(lower(server.seen()), { 'x-sum': '42' });
    });
  }

  exchangeTest(`uWebSockets drops the trailers of ${to} servers, and the response is whole`, tsuji, async (t) => {
    const server = await startServer(t);
    const client = await rawClient(t, engines.port('uws'));
    client.send(`${CHUNKED.replace('$', await addRoute(tsuji, [server.url]))}\r\n`);
    assert.equal((await response(client)).body, 'ok');
  });
}

test('a response whose body has come to nothing keeps its head, whatever its trailers', async (t) => {
  for (const field of ['b', 'b'.repeat(9_000)]) {
    const answer = `HTTP/1.1 503 Later\r\nX-A: ${field}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 42\r\n\r\n`;
    const { url } = await startRawServer(
      t as never,
      answering(() => answer),
    );
    const host = await addRoute(tsuji, [url]);
    for (const engine of ENGINES) {
      const { status, fields, body } = await engines.ask(engine, { host });
      assert.deepEqual([status, fields['x-a'], body.toString()], [503, field, ''], engine);
    }
  }
});
