/** Requests that an HTTP/2 server has not looked at (RFC 9113 §8.7): none is lost, whatever its method, body and all. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Agent, request as requestHttp1 } from 'node:http';
import { after } from 'node:test';
import { exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { literals, startFrameServer } from '../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, type Frame, frame } from '../harness/http2-frames.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { type RawConnection, rawClient } from '../harness/raw.ts';
import { makeAuthority } from '../harness/tls.ts';
import { freePort, startNginx, temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const pair = await makeAuthority(folder.path, 'localhost');
const tsuji = await startTsuji({ after }, { flags: ['--insecureSkipVerify'] });

/** The statuses of so many requests, so many of them at a time, with how often each came. */
async function statuses(t: Scope, host: string, body: Buffer | null, count: number, atATime: number): Promise<object> {
  const agent = new Agent({ keepAlive: true, maxSockets: atATime });
  t.after(() => agent.destroy());
  const seen: Record<string, number> = {};
  const one = (): Promise<string> =>
    new Promise((resolve) => {
      const fields = body === null ? { host } : { host, 'content-length': body.length };
      const method = body === null ? 'GET' : 'POST';
      const sent = requestHttp1({ host: OWN_HOST, port: tsuji.port, agent, method, headers: fields }, (got) => {
        got.resume();
        got.on('end', () => resolve(String(got.statusCode)));
      });
      sent.on('error', (error) => resolve(error.message));
      sent.end(body ?? undefined);
    });
  let next = 0;
  const runner = async (): Promise<void> => {
    while (next++ < count) {
      const status = await one();
      seen[status] = (seen[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atATime }, runner));
  return seen;
}

exchangeTest('an nginx that ends its connections after 50 requests loses none of them', tsuji, async (t) => {
  const port = await freePort();
  const nginx = await startNginx({
    directives: `listen ${OWN_HOST}:${port} ssl http2; ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};
      keepalive_requests 50;`,
  });
  t.after(() => nginx.stop());
  const host = await addRoute(tsuji, [`https://${OWN_HOST}:${port}`]);
  assert.deepEqual(await statuses(t, host, Buffer.alloc(2_000, 'x'), 2_000, 100), { 200: 2_000 });
  assert.deepEqual(await statuses(t, host, null, 2_000, 400), { 200: 2_000 });
});

/** Bytes of DATA per stream of a connection. */
type Uploads = Map<string, Buffer>;

function goaway(lastStream: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream);
  return frame(FRAME.goaway, 0, 0, payload);
}

/** Refuses streams, by RST_STREAM or GOAWAY, while `refuses` says so; answers others with the hash of what they brought. */
function refusing(
  t: Scope,
  how: 'reset' | 'goaway',
  refuses: (n: number, bytes: number, complete: boolean) => boolean,
): ReturnType<typeof startFrameServer> {
  const connections: RawConnection[] = [];
  const uploads: Uploads = new Map();
  const gone = new Set<string>();
  let refused = 0;
  return startFrameServer(t, (connection: RawConnection, seen: Frame) => {
    if (seen.type !== FRAME.headers && seen.type !== FRAME.data) return;
    if (!connections.includes(connection)) connections.push(connection);
    const key = `${connections.indexOf(connection)} ${seen.stream}`;
    if (gone.has(key)) return;
    const body = Buffer.concat([
      uploads.get(key) ?? Buffer.alloc(0),
      seen.type === FRAME.data ? seen.payload : Buffer.alloc(0),
    ]);
    uploads.set(key, body);
    if (seen.payload.length > 0 && seen.type === FRAME.data) {
      const read = Buffer.alloc(4);
      read.writeUInt32BE(seen.payload.length);
      for (const id of [0, seen.stream]) connection.send(frame(FRAME.windowUpdate, 0, id, read));
    }
    const complete = (seen.flags & END_STREAM) !== 0;
    if (refuses(refused, body.length, complete)) {
      refused++;
      gone.add(key);
      if (how === 'goaway') connection.send(goaway(0));
      else connection.send(frame(FRAME.rstStream, 0, seen.stream, Buffer.from([0, 0, 0, 7])));
    } else if (complete) {
      const head = literals([[':status', '200']]);
      const text = `${body.length} ${createHash('sha256').update(body).digest('hex')}`;
      connection.send(
        Buffer.concat([
          frame(FRAME.headers, END_HEADERS, seen.stream, head),
          frame(FRAME.data, END_STREAM, seen.stream, Buffer.from(text)),
        ]),
      );
    }
  });
}

const told = (body: Buffer): string => `${body.length} ${createHash('sha256').update(body).digest('hex')}`;
const body = Buffer.from(Array.from({ length: 60_000 }, (_, i) => i % 251));
const upload = (host: string, bytes: number): string =>
  `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes}\r\n\r\n`;

for (const how of ['reset', 'goaway'] as const) {
  exchangeTest(`a POST whose stream is refused by a ${how} is sent anew with all of its body`, tsuji, async (t) => {
    const server = await refusing(t, how, (n, _bytes, complete) => n === 0 && complete);
    const client = await rawClient(t, tsuji.port);
    client.send(upload(await addRoute(tsuji, [server.url]), body.length));
    client.send(body);
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [200, told(body)]);
    assert.equal(server.connections.length, 2);
  });

  exchangeTest(`an upload that is refused by a ${how} while it comes goes on with another stream`, tsuji, async (t) => {
    let refused = false;
    const server = await refusing(t, how, (n, bytes) => {
      refused = refused || bytes > 0;
      return n === 0 && bytes > 0;
    });
    const client = await rawClient(t, tsuji.port);
    client.send(upload(await addRoute(tsuji, [server.url]), body.length));
    client.send(body.subarray(0, 1_000));
    await waitFor(() => refused, 'the refusal');
    for (let at = 1_000; at < body.length; at += 10_000) client.send(body.subarray(at, at + 10_000));
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [200, told(body)]);
  });
}

exchangeTest('a body that is longer than what is kept is not sent twice, nor in part', tsuji, async (t) => {
  let asked = 0;
  const server = await refusing(t, 'goaway', (_n, bytes) => {
    if (bytes === 0) asked++;
    return bytes > 100_000;
  });
  const client = await rawClient(t, tsuji.port);
  client.send(upload(await addRoute(tsuji, [server.url]), 200_000));
  client.send(Buffer.alloc(200_000));
  assert.equal((await response(client)).status, 502);
  assert.equal(asked, 1);
});

exchangeTest(
  'a server that ends every connection unseen is asked nine times, then the client is told',
  tsuji,
  async (t) => {
    let asked = 0;
    const server = await refusing(t, 'goaway', () => {
      asked++;
      return true;
    });
    const client = await rawClient(t, tsuji.port);
    client.send(upload(await addRoute(tsuji, [server.url]), 0));
    assert.equal((await response(client)).status, 502);
    assert.equal(asked, 9);
  },
);
