/**
 * Several requests in flight on one connection to a server (`--upstream.pipelining`). tsuji is stopped while requests
 * are sent, so that it finds them all in one turn of its event loop.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { response } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { routeKeys, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const HOST = 'nginx.example.com';

type Stage = { tsuji: Tsuji; server: RawServer; kept: RawConnection; clients: RawConnection[] };

function get(path: string, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
}

/** tsuji with one idle connection to the server, and clients that are connected. */
async function setUp(t: TestContext, count: number, flags = ['--upstream.pipelining=16']): Promise<Stage> {
  const server = await startRawServer(t);
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]), flags });
  const clients: RawConnection[] = [];
  for (let i = 0; i < count; i++) clients.push(await rawClient(t, tsuji.port));
  // Each client is known to the worker before the turn that matters.
  clients[0].send(get('/warm'));
  const kept = await server.next();
  await kept.until('\r\n\r\n');
  kept.send(ok('warm'));
  await clients[0].until('warm');
  for (const client of clients.slice(1)) {
    client.send('GET /x HTTP/1.1\r\nHost: unknown\r\n\r\n');
    await client.until('404 page not found\n');
  }
  return { tsuji, server, kept, clients };
}

/** From the third field of proc_pid_stat(5). */
function isStopped(pid: number): boolean {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.every((task) =>
    / T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1').replace(/^.*\)/, '')),
  );
}

/** Sends all of it while tsuji does not look. */
async function inOneTurn(tsuji: Tsuji, send: () => void): Promise<void> {
  tsuji.kill('SIGSTOP');
  await waitFor(() => isStopped(tsuji.child.pid!), 'every thread of tsuji to stop');
  send();
  // The kernel has the bytes as soon as the writes are done; one turn of our own loop makes sure of that.
  await new Promise((resolve) => setImmediate(resolve));
  tsuji.kill('SIGCONT');
}

/** Paths in the order in which a server saw them. */
async function paths(connection: RawConnection, count: number): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < count; i++) seen.push((await connection.until('\r\n\r\n')).split(' ', 2)[1]);
  return seen;
}

test('requests of one turn share a connection, and each client gets its own answer however the bytes are cut', async (t) => {
  const { tsuji, server, kept, clients } = await setUp(t, 6);
  await inOneTurn(tsuji, () => {
    for (const [i, client] of clients.entries()) client.send(get(`/${i}`, i === 2 ? 'HEAD' : 'GET'));
  });
  const seen = await paths(kept, 6);
  assert.deepEqual([...seen].sort(), ['/0', '/1', '/2', '/3', '/4', '/5']);
  const responses = seen.map((path, i) => {
    if (path === '/2') return 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n';
    if (i % 2 === 0) return ok(`body of ${path}`);
    return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${`body of ${path}`.length.toString(16)}\r\nbody of ${path}\r\n0\r\n\r\n`;
  });
  const bytes = Buffer.from(responses.join(''), 'latin1');
  for (let at = 0; at < bytes.length; at += 41) {
    kept.send(bytes.subarray(at, at + 41));
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [i, client] of clients.entries()) {
    const got = await response(client, i === 2 ? 'HEAD' : 'GET');
    if (i === 2) assert.deepEqual(got.fields.get('content-length'), ['9']);
    else assert.equal(got.body, `body of /${i}`);
  }
  assert.equal(server.connections.length, 1);
  await waitFor(async () => /^tsuji_open_exchanges 0$/m.test(await tsuji.metrics()), 'no exchange to be open');
});

test('no more are in flight on a connection than the key of the backend says', async (t) => {
  const { tsuji, server, kept, clients } = await setUp(t, 5, []);
  tsuji.set('backends/backend1/pipelining', '2');
  await tsuji.waitForStatus((status) => status.settled && status.generation > 1, 'the key to be live');
  await inOneTurn(tsuji, () => {
    for (const [i, client] of clients.entries()) client.send(get(`/${i}`));
  });
  await waitFor(() => server.connections.length === 4, 'two to share the kept connection and three to dial');
  assert.equal((await paths(kept, 2)).length, 2);
  kept.send(ok('a') + ok('b'));
  for (const connection of server.connections.slice(1)) {
    await connection.until('\r\n\r\n');
    connection.send(ok('c'));
  }
  for (const client of clients) await client.until('200 OK');
});

test('a slow answer holds those behind it for a moment only: they are sent anew, and the server is spared from then on', async (t) => {
  const { tsuji, server, kept, clients } = await setUp(t, 3);
  await inOneTurn(tsuji, () => {
    for (const [i, client] of clients.entries()) client.send(get(`/${i}`));
  });
  const seen = await paths(kept, 3);
  // The kept connection stays silent; the other two come again, on connections of their own.
  const again = [await server.next(), await server.next()];
  const resent: string[] = [];
  for (const connection of again) {
    const [path] = await paths(connection, 1);
    resent.push(path);
    connection.send(ok(`anew ${path}`));
  }
  assert.deepEqual(resent.sort(), seen.slice(1).sort());
  for (const path of resent) await clients[Number(path.slice(1))].until(`anew ${path}`);
  kept.send(ok(`late ${seen[0]}`) + ok('nobody waits for this') + ok('nor for this'));
  await clients[Number(seen[0].slice(1))].until(`late ${seen[0]}`);
  await kept.untilClosed();
  await inOneTurn(tsuji, () => {
    for (const client of clients) client.send(get('/after'));
  });
  await waitFor(
    () => server.connections.filter((connection) => connection.received.includes('/after')).length === 3,
    'one each',
  );
});

test('a server that closes after one answer costs nobody else an answer', async (t) => {
  const { tsuji, server, kept, clients } = await setUp(t, 4);
  await inOneTurn(tsuji, () => {
    for (const [i, client] of clients.entries()) client.send(get(`/${i}`));
  });
  const seen = await paths(kept, 4);
  kept.send(ok('first', 'Connection: close\r\n'));
  kept.socket.end();
  await clients[Number(seen[0].slice(1))].until('first');
  for (let i = 0; i < 3; i++) {
    const connection = await server.next();
    const [path] = await paths(connection, 1);
    connection.send(ok(`anew ${path}`));
    await clients[Number(path.slice(1))].until(`anew ${path}`);
  }
});

test('a request with a body or an unsafe method is neither pipelined nor has anything behind it', async (t) => {
  const { tsuji, server, kept, clients } = await setUp(t, 3);
  await inOneTurn(tsuji, () => {
    clients[0].send(`POST /0 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1\r\n\r\nx`);
    clients[1].send(get('/1', 'DELETE'));
    clients[2].send(get('/2'));
  });
  await waitFor(() => server.connections.length === 3, 'three connections');
  for (const connection of [kept, ...server.connections.slice(1)]) {
    await connection.until('\r\n\r\n');
    assert.ok(!connection.received.includes('HTTP/1.1'), connection.received);
    connection.send(ok('alone'));
  }
  for (const client of clients) await client.until('alone');
});

test('a client that leaves takes nobody with it, wherever it stands in the row', async (t) => {
  for (const leaver of [0, 1, 2]) {
    const { tsuji, server, kept, clients } = await setUp(t, 3);
    await inOneTurn(tsuji, () => {
      for (const [i, client] of clients.entries()) client.send(get(`/${i}`));
    });
    const seen = await paths(kept, 3);
    clients[Number(seen[leaver].slice(1))].destroy();
    const rest = seen.filter((_, i) => i !== leaver);
    await waitFor(async () => /^tsuji_open_exchanges 2$/m.test(await tsuji.metrics()), 'the leaver to be noticed');
    if (!kept.closed) kept.send(seen.map((path) => ok(`for ${path}`)).join(''));
    for (const connection of server.connections.slice(1))
      answering((head) => ok(`for ${head.split(' ', 2)[1]}`))(connection);
    for (const connection of server.connections.slice(1)) connection.socket.emit('data', Buffer.alloc(0));
    for (const path of rest) await clients[Number(path.slice(1))].until(`for ${path}`);
  }
});
