/**
 * Clients that are slow but alive. uWebSockets would cut them after a while (DESIGN §6): 32 s in the build that is
 * installed, so this file takes somewhat more than that; all of it runs at once.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { atOnce, exchangeTest, openExchanges, request, response, type Scope } from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** Longer than any timeout of uWebSockets' HTTP. */
const LONG_MS = 36_000;

const tsuji = await startTsuji({ after }, { workers: 1 });

type Setup = { host: string; server: RawServer; client: RawConnection };

async function setUp(t: Scope): Promise<Setup> {
  const server = await startRawServer(t);
  return { server, host: await addRoute(tsuji, [server.url]), client: await rawClient(t, tsuji.port) };
}

const long = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LONG_MS));

/** A hundred bytes, a few times a second, for all that time. */
async function slowUpload({ host, server, client }: Setup, chunked: boolean): Promise<void> {
  const piece = 'x'.repeat(100);
  const pieces = LONG_MS / 200;
  const field = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${piece.length * pieces}`;
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n\r\n`);
  for (let i = 0; i < pieces; i++) {
    client.send(chunked ? `64\r\n${piece}\r\n` : piece);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(client.closed, false, `cut after ${(i * 200) / 1000} s`);
  }
  if (chunked) client.send('0\r\n\r\n');
  const upstream = await server.next();
  assert.equal((await request(upstream)).body.length, piece.length * pieces);
  upstream.send(ok('all'));
  assert.equal((await response(client)).body, 'all');
}

/** An upload that came at once and in pieces, and a server that thinks about it. */
async function slowServer({ host, server, client }: Setup): Promise<void> {
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n`);
  const upstream = await server.next();
  assert.equal((await request(upstream)).body, 'abcd');
  await long();
  upstream.send(ok('thought'));
  assert.equal((await response(client)).body, 'thought');
}

/** A server that takes the first bytes of an upload and the rest much later. */
async function slowReader({ host, server, client }: Setup): Promise<void> {
  const size = 32 << 20;
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`);
  client.send(Buffer.alloc(size));
  const upstream = await server.next();
  upstream.keep = false;
  upstream.socket.pause();
  await long();
  upstream.socket.resume();
  await waitFor(() => upstream.bytes > size, 'the rest of the upload');
  upstream.send(ok('all'));
  assert.equal((await response(client)).body, 'all');
}

/** A client that stops to read a download, and goes on much later. */
async function stoppedDownload({ host, server, client }: Setup, chunked: boolean): Promise<void> {
  const size = 32 << 20;
  client.keep = false;
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await request(upstream);
  client.socket.pause();
  upstream.send(`HTTP/1.1 200 OK\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`}\r\n\r\n`);
  const body = Buffer.alloc(size, 122);
  if (chunked) upstream.send(`${size.toString(16)}\r\n`);
  upstream.send(body);
  if (chunked) upstream.send('\r\n0\r\n\r\n');
  await long();
  client.socket.resume();
  await waitFor(
    () => client.bytes >= size || client.closed,
    () => `all of the download, so far ${client.bytes}`,
  );
  assert.ok(client.bytes >= size, `closed after ${client.bytes} bytes`);
}

/** A request without a body and a server that thinks. */
async function longPoll({ host, server, client }: Setup): Promise<void> {
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await request(upstream);
  await long();
  upstream.send(ok('at last'));
  assert.equal((await response(client)).body, 'at last');
}

exchangeTest('slow uploads, stopped downloads and slow servers are waited for', tsuji, async (t) => {
  const runs: Record<string, (setup: Setup) => Promise<void>> = {
    'an upload with a length': (setup) => slowUpload(setup, false),
    'a chunked upload': (setup) => slowUpload(setup, true),
    'a server that thinks about an upload': slowServer,
    'a server that reads late': slowReader,
    'a stopped download with a length': (setup) => stoppedDownload(setup, false),
    'a stopped chunked download': (setup) => stoppedDownload(setup, true),
    'a long poll': longPoll,
  };
  const setups: Setup[] = [];
  for (const _ of Object.keys(runs)) setups.push(await setUp(t));
  await atOnce(Object.fromEntries(Object.entries(runs).map(([name, run], i) => [name, () => run(setups[i])])));
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
