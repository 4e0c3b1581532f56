/** The connections to servers: how many are kept and how long, and what their deaths and silences cost a client. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { startFullPort } from '../harness/full-port.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const HEADER_TIMEOUT_MS = 1_200;

const tsuji = await startTsuji(
  { after },
  {
    workers: 1,
    flags: [
      '--maxIdleConnsPerHost=2',
      '--forwardingTimeouts.dialTimeout=500ms',
      `--forwardingTimeouts.responseHeaderTimeout=${HEADER_TIMEOUT_MS}ms`,
    ],
  },
);

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Resolves in `ms`: for answers that must come late, where waiting is what is tested. */
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

exchangeTest(
  'no more idle connections than maxIdleConnsPerHost are kept, and these are used again',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const clients = await Promise.all(Array.from({ length: 6 }, () => rawClient(t, tsuji.port)));
    for (const client of clients) client.send(get(host));
    await waitFor(() => server.connections.length === 6, 'six connections at once');
    for (const connection of server.connections) {
      await request(connection);
      connection.send(ok('x'));
    }
    for (const client of clients) assert.equal((await response(client)).body, 'x');
    await waitFor(
      () => server.open === 2,
      () => `two idle connections, now ${server.open}`,
    );
    for (const client of clients.slice(0, 2)) client.send(get(host));
    const open = server.connections.filter((connection) => !connection.closed);
    for (const connection of open) {
      await request(connection);
      connection.send(ok('y'));
    }
    for (const client of clients.slice(0, 2)) assert.equal((await response(client)).body, 'y');
    assert.equal(server.connections.length, 6);
  },
);

exchangeTest('an idle connection is let go before the time that its server announces', tsuji, async (t) => {
  for (const seconds of [1, 3]) {
    const { host, server } = await setUp(
      t,
      answering(() => ok('x', `Keep-Alive: timeout=${seconds}, max=100\r\n`)),
    );
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    await response(client);
    const from = performance.now();
    await waitFor(() => server.open === 0, 'the idle connection to be let go');
    const ms = performance.now() - from;
    assert.ok(ms < seconds * 1000, `let go after ${ms} ms of ${seconds} s`);
    assert.ok(ms > (seconds - 1) * 1000 - 50, `let go after ${ms} ms already`);
  }
});

exchangeTest(
  'a server that does not accept in time is a 504, and another one is not tried without retry',
  tsuji,
  async (t) => {
    const port = await startFullPort(t, OWN_HOST, 0);
    const host = await addRoute(tsuji, [`http://${OWN_HOST}:${port}`]);
    const client = await rawClient(t, tsuji.port);
    const from = performance.now();
    client.send(get(host));
    const got = await response(client);
    const ms = performance.now() - from;
    assert.deepEqual([got.status, got.body], [504, 'Gateway Timeout']);
    assert.ok(ms >= 490 && ms < 3_000, `after ${ms} ms`);
  },
);

exchangeTest('a client that leaves while its server is dialled leaves nothing behind', tsuji, async (t) => {
  const port = await startFullPort(t, OWN_HOST, 0);
  const host = await addRoute(tsuji, [`http://${OWN_HOST}:${port}`]);
  for (const head of [get(host), `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhalf`]) {
    const client = await rawClient(t, tsuji.port);
    client.send(head);
    await later(50);
    client.destroy();
  }
});

exchangeTest('a server that does not answer in time is a 504, and its late answer is nobody’s', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  const from = performance.now();
  client.send(get(host, '/late'));
  const slow = await server.next();
  await request(slow);
  const got = await response(client);
  const ms = performance.now() - from;
  assert.deepEqual([got.status, got.body], [504, 'Gateway Timeout']);
  assert.ok(ms >= HEADER_TIMEOUT_MS - 10 && ms < HEADER_TIMEOUT_MS + 2_000, `after ${ms} ms`);
  await slow.untilClosed();
  client.send(get(host, '/next'));
  const next = await server.next();
  assert.match((await request(next)).statusLine, /\/next/);
  next.send(ok('next'));
  assert.equal((await response(client)).body, 'next');
});

exchangeTest(
  'the header timeout ends with the head: a slow body and an idle connection know nothing of it',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    const upstream = await server.next();
    await request(upstream);
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl');
    await client.until('sl');
    await later(HEADER_TIMEOUT_MS + 300);
    client.received = '';
    upstream.send('ow');
    await client.until('ow');
    await later(HEADER_TIMEOUT_MS + 300);
    client.send(get(host));
    await request(upstream);
    upstream.send(ok('kept'));
    assert.equal((await response(client)).body, 'kept');
  },
);

exchangeTest(
  'the header timeout starts when the request is sent, so that a slow upload is not cut',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\n`);
    const upstream = await server.next();
    for (const char of 'slow') {
      client.send(char);
      await upstream.until(char);
      await later(HEADER_TIMEOUT_MS / 2);
    }
    client.send('!');
    await upstream.until('!');
    upstream.send(ok('in time'));
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [200, 'in time']);
  },
);

exchangeTest('a server that closes each connection behind its answer costs no client a request', tsuji, async (t) => {
  const { host } = await setUp(t, (connection) => {
    answering(() => {
      setImmediate(() => connection.socket.end());
      return ok('x');
    })(connection);
  });
  const clients = await Promise.all(Array.from({ length: 4 }, () => rawClient(t, tsuji.port)));
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 40; i++) {
        client.send(get(host, `/${i}`));
        const got = await response(client);
        assert.deepEqual([got.status, got.body], [200, 'x'], `request ${i}`);
      }
    }),
  );
});

exchangeTest('a request that may not be repeated reaches dying servers at most once', tsuji, async (t) => {
  const seen = new Map<string, number>();
  let requests = 0;
  const { host } = await setUp(t, (connection) => {
    answering((head) => {
      const path = head.split(' ', 2)[1];
      seen.set(path, (seen.get(path) ?? 0) + 1);
      // Every third request dies unanswered, on fresh and on kept connections.
      if (++requests % 3 === 0) setImmediate(() => connection.destroy());
      return requests % 3 === 0 ? '' : ok('x');
    })(connection);
  });
  const client = await rawClient(t, tsuji.port);
  const statuses = new Set<number>();
  for (let i = 0; i < 30; i++) {
    client.send(`POST /${i} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
    statuses.add((await response(client)).status);
  }
  assert.deepEqual([...statuses].sort(), [200, 502]);
  for (const [path, times] of seen) assert.equal(times, 1, path);
});

exchangeTest('a server that closes or resets at once is a 502', tsuji, async (t) => {
  for (const how of ['end', 'reset'] as const) {
    const { host } = await setUp(t, (connection) => {
      if (how === 'end') connection.socket.end();
      else connection.socket.resetAndDestroy();
    });
    const client = await rawClient(t, tsuji.port);
    for (let i = 0; i < 10; i++) {
      client.send(get(host));
      assert.equal((await response(client)).status, 502);
    }
  }
});

exchangeTest('connections to a server that leaves the table end, busy ones with their response', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const name = host.slice(0, host.indexOf('.'));
  const client = await rawClient(t, tsuji.port);
  const other = await rawClient(t, tsuji.port);
  client.send(get(host));
  other.send(get(host));
  const [idle, busy] = [await server.next(), await server.next()];
  await request(idle);
  await request(busy);
  idle.send(ok('x'));
  busy.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha');
  await waitFor(
    () => client.received.includes('\r\n\r\nx') || other.received.includes('\r\n\r\nx'),
    'the first answer',
  );
  tsuji.delete(`backends/${name}/servers/s1`);
  await idle.untilClosed();
  assert.equal(busy.closed, false);
  busy.send('lf');
  await waitFor(() => [client, other].some((one) => one.received.endsWith('half')), 'the second answer');
  await busy.untilClosed();
});
