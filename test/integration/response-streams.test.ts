/** Responses that take their time or much room: events, stopped and leaving clients, 1 GiB. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  bufferedBytes,
  exchangeTest,
  openExchanges,
  openUpstream,
  request,
  residentBytes,
  response,
  type Scope,
  scripted,
} from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { SOON_MS, untilStill, waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

exchangeTest('events of a stream reach the client one by one, at once', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  for (const framing of ['Transfer-Encoding: chunked\r\n', 'Content-Length: 1000000\r\n', '']) {
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    const upstream = await server.next();
    await request(upstream);
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${framing}\r\n`);
    for (let i = 0; i < 5; i++) {
      const event = `data: ${i}\n\n`;
      upstream.send(framing.startsWith('T') ? `${event.length.toString(16)}\r\n${event}\r\n` : event);
      await client.until(event);
    }
    client.destroy();
    await upstream.untilClosed();
  }
});

exchangeTest('a client that leaves in the middle of a download is noticed by the server at once', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  for (const stalled of [false, true]) {
    for (const how of ['end', 'reset'] as const) {
      const client = await rawClient(t, tsuji.port);
      client.keep = false;
      client.send(get(host));
      const upstream = await server.next();
      await request(upstream);
      upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const piece = Buffer.alloc(1 << 20);
      if (stalled) {
        client.socket.pause();
        // Until nothing moves any more: every buffer on the way is full.
        for (let i = 0; i < 40; i++) upstream.send(piece);
        assert.ok((await untilStill(() => upstream.socket.writableLength, 'the flow to stop')) > 0);
      } else {
        upstream.send(piece);
        await waitFor(() => client.bytes > piece.length, 'the first megabyte');
      }
      if (how === 'end') client.destroy();
      else client.socket.resetAndDestroy();
      await waitFor(
        () => upstream.closed,
        `the server to notice (${how}, ${stalled ? 'stalled' : 'flowing'})`,
        SOON_MS,
      );
    }
  }
});

exchangeTest('1 GiB streams through with flat memory, and 256 MiB without a length', tsuji, async (t) => {
  const sizeOf = (path: string): number => (path === '/chunked' ? 256 << 20 : 1 << 30);
  const piece = Buffer.alloc(1 << 20, 121);
  const { host } = await setUp(
    t,
    scripted(async (connection, head) => {
      const chunked = head.includes('/chunked');
      const size = sizeOf(head.split(' ', 2)[1]);
      connection.send(
        `HTTP/1.1 200 OK\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`}\r\n\r\n`,
      );
      for (let sent = 0; sent < size && !connection.socket.destroyed; sent += piece.length) {
        const writes = chunked ? [`${piece.length.toString(16)}\r\n`, piece, '\r\n'] : [piece];
        for (const bytes of writes) {
          if (!connection.socket.write(bytes)) await new Promise((resolve) => connection.socket.once('drain', resolve));
        }
      }
      if (chunked) connection.send('0\r\n\r\n');
    }),
  );
  for (const path of ['/length', '/chunked']) {
    const client = await rawClient(t, tsuji.port);
    client.keep = false;
    const size = sizeOf(path);
    const before = await residentBytes(tsuji);
    let most = 0;
    let waiting = 0;
    client.send(get(host, path));
    await waitFor(
      async () => {
        most = Math.max(most, await residentBytes(tsuji));
        waiting = Math.max(waiting, await bufferedBytes(tsuji));
        return client.bytes >= size || client.closed;
      },
      () => `all of it, so far ${client.bytes}`,
      60_000,
    );
    assert.ok(client.bytes >= size && !client.closed, `closed after ${client.bytes}`);
    assert.ok(waiting < 2 << 20, `${waiting} bytes waited for the client on ${path}`);
    // Copies for a client that is slow for a moment are garbage, which V8 collects when it has the time.
    assert.ok(most - before < 128 << 20, `memory grew by ${(most - before) >> 20} MiB on ${path}`);
  }
});

exchangeTest('the open connections to servers are counted', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  const upstream = await server.next();
  await request(upstream);
  assert.deepEqual([await openExchanges(tsuji), await openUpstream(tsuji)], [1, 1]);
  upstream.send(ok(''));
  await response(client);
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end');
  assert.equal(await openUpstream(tsuji), 1);
});
