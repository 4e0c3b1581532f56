/**
 * Servers that answer a request before they have read all of it, and end their connection with bytes of it unread, which
 * resets it: the answer that came before counts (RFC 9112 §9.6).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { ENGINES, HTTP1_ENGINES, http1Client, isHttp2, startEngines, whole } from '../harness/engines.ts';
import { exchangeTest, type Scope } from '../harness/exchanges.ts';
import { literals, startFrameServer } from '../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, frame } from '../harness/http2-frames.ts';
import { listening } from '../harness/listening.ts';
import type { RawConnection } from '../harness/raw.ts';
import { makeAuthority } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute } from '../harness/tsuji.ts';

const engines = await startEngines({ after }, { workers: 1, flags: ['--insecureSkipVerify'] });
const { tsuji } = engines;
const TRIES = 10;
const SIZE = 64 << 20;

/** Answers as soon as something has come, and closes with the rest unread. */
function refuse(socket: Socket): void {
  socket.on('error', () => {});
  socket.once('data', () => {
    socket.pause();
    const body = 'too large';
    const head = `HTTP/1.1 413 Payload Too Large\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body, () => socket.destroy());
  });
}

async function refusing(t: Scope, secure: boolean): Promise<string> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  // Else the kernel may hold the answer back until tickets of TLS before it are acknowledged, and drops it with the connection.
  const options = { noDelay: true };
  const server = secure ? createTlsServer(options, refuse) : createServer(options, refuse);
  if (secure) {
    const pair = await makeAuthority(folder.path, 'localhost');
    (server as ReturnType<typeof createTlsServer>).setSecureContext({
      cert: readFileSync(pair.cert),
      key: readFileSync(pair.key),
    });
  }
  return listening(t, server);
}

/** Answers as soon as the head has come, and resets the stream without an error (RFC 9113 §8.1). */
async function refusingByReset(t: Scope): Promise<string> {
  const server = await startFrameServer(t, (connection, { type, stream }) => {
    if (type !== FRAME.headers) return;
    const fields = literals([
      [':status', '413'],
      ['content-length', '9'],
    ]);
    connection.send(frame(FRAME.headers, END_HEADERS, stream, fields));
    connection.send(frame(FRAME.data, END_STREAM, stream, Buffer.from('too large')));
    connection.send(frame(FRAME.rstStream, 0, stream, Buffer.alloc(4)));
  });
  return server.url;
}

const SERVERS: Record<string, (t: Scope) => Promise<string>> = {
  'a server': (t) => refusing(t, false),
  'an https server': (t) => refusing(t, true),
  'an HTTP/2 server': refusingByReset,
};

for (const [what, start] of Object.entries(SERVERS)) {
  for (const engine of ENGINES) {
    const title = `${engine}: the answer of ${what} that reads no more is passed on, and is no failure`;
    exchangeTest(title, tsuji, async (t) => {
      const host = await addRoute(tsuji, [await start(t)]);
      for (let i = 0; i < TRIES; i++) {
        const client = engines.client(t as never, engine);
        const fields: Record<string, string> = { 'content-length': String(SIZE) };
        if (!isHttp2(engine)) fields.connection = 'keep-alive';
        const asked = client.ask({ method: 'POST', host, body: 'open', fields });
        asked.upload.on('error', () => {});
        const piece = Buffer.alloc(1 << 18);
        let left = SIZE;
        const upload = (): void => {
          if (left === 0 || asked.upload.destroyed) return;
          left -= piece.length;
          asked.upload.write(piece, () => setImmediate(upload));
        };
        upload();
        const got = await whole(asked);
        assert.deepEqual([got.status, String(got.body)], [413, 'too large'], `try ${i}`);
        left = 0;
        asked.leave();
      }
      assert.doesNotMatch(await tsuji.metrics(), /^tsuji_backend_server_ejections_total.* [1-9]/m);
    });
  }
}

/** Sends on, whatever comes, until `isOver`; a client like curl gives up without a look at its answer when it cannot. */
async function uploadOn(client: RawConnection, isOver: () => boolean): Promise<void> {
  const piece = Buffer.alloc(1 << 16);
  while (!isOver() && !client.closed) {
    await new Promise<void>((resolve) => client.socket.write(piece, () => resolve()));
  }
}

for (const engine of HTTP1_ENGINES) {
  for (const [what, host] of [
    ['of its server', 'route'],
    ['of ours', 'nobody.test'],
  ]) {
    const title = `${engine}: a client that asks for its connection to be closed can send on until it has read an answer ${what}`;
    exchangeTest(title, tsuji, async (t) => {
      const name = host === 'route' ? await addRoute(tsuji, [await refusing(t, false)]) : host;
      const client = await http1Client(t, engines, engine, true);
      client.send(`POST / HTTP/1.1\r\nHost: ${name}\r\nContent-Length: ${1 << 30}\r\nConnection: close\r\n\r\n`);
      let pieces = 0;
      // Far more than fits between the two, so that some of it is sent behind the answer.
      await uploadOn(client, () => client.received.includes('\r\n\r\n') && ++pieces > 400);
      assert.equal(client.error, '');
      assert.match(client.received, host === 'route' ? /^HTTP\/1\.1 413 [\s\S]*too large$/ : /^HTTP\/1\.1 404 /);
      assert.match(client.received, /\r\nConnection: close\r\n/i);
    });
  }
}
