/** Circuit breaker and maxconn of a backend, over real workers and servers (kv-schema §4.3, §4.4). */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after } from 'node:test';
import { exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, handshake } from '../harness/websocket.ts';

const tsuji = await startTsuji({ after }, { workers: 2 });
const single = await startTsuji({ after }, { workers: 1, flags: ['--retry'] });

const get = (host: string, fields = ''): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;

async function metric(through: Tsuji, name: string, host: string): Promise<number> {
  const backend = host.replace('.test', '');
  const line = new RegExp(`^${name}\\{backend="${backend}"\\} (\\S+)$`, 'm').exec(await through.metrics());
  assert.ok(line !== null, `${name} of ${backend} is missing`);
  return Number(line[1]);
}

/** A server that answers each request when told. */
async function holding(t: Scope, host = OWN_HOST) {
  const waiting: RawConnection[] = [];
  const hold = (connection: RawConnection): void => {
    connection.socket.on('data', () => {
      if (!connection.received.includes('\r\n\r\n')) return;
      connection.received = '';
      waiting.push(connection);
    });
  };
  const server = await startRawServer(t, hold, 0, host);
  return {
    url: server.url,
    waiting,
    /** Until so many requests wait for an answer. */
    holds: (count: number) => waitFor(() => waiting.length === count, `${count} requests at the server`),
    answerAll: () => {
      for (const connection of waiting.splice(0)) connection.send(ok('done'));
    },
  };
}

async function ask(t: Scope, host: string, fields = '', from = '127.0.0.1'): Promise<RawConnection> {
  const socket = connect({ port: tsuji.port, host: OWN_HOST, localAddress: from, noDelay: true });
  const client = new RawConnection(socket);
  t.after(() => client.destroy());
  client.send(get(host, fields));
  return client;
}

async function refused(client: RawConnection, amount: number): Promise<void> {
  const { status, statusLine, body, fields } = await response(client);
  assert.equal(status, 429);
  assert.equal(statusLine, 'HTTP/1.1 429 Too Many Requests');
  assert.equal(body, `max connections reached: ${amount}`);
  assert.deepEqual(fields.get('content-type'), ['text/plain; charset=utf-8']);
  assert.equal(fields.get('retry-after'), undefined);
}

for (const through of [tsuji, single]) {
  const workers = through === tsuji ? 2 : 1;
  exchangeTest(`never more than maxconn are in progress under load, with ${workers} workers`, through, async (t) => {
    let now = 0;
    let most = 0;
    const server = await startRawServer(t, (connection) => {
      connection.socket.on('data', () => {
        if (!connection.received.includes('\r\n\r\n')) return;
        connection.received = '';
        now++;
        most = Math.max(most, now);
        setTimeout(() => {
          now--;
          connection.send(ok('done'));
        }, 3);
      });
    });
    const host = await addRoute(through, [server.url], { 'backends/$/maxconn/amount': '3' });
    const counts = new Map<number, number>();
    const clients = Array.from({ length: 16 }, async () => {
      const client = await rawClient(t, through.port);
      for (let i = 0; i < 60; i++) {
        client.send(get(host));
        const { status } = await response(client);
        counts.set(status, (counts.get(status) ?? 0) + 1);
      }
    });
    await Promise.all(clients);
    assert.equal(most, 3);
    assert.deepEqual([...counts.keys()].sort(), [200, 429]);
    assert.equal(await metric(through, 'tsuji_backend_maxconn_refused_total', host), counts.get(429));
    await waitFor(
      async () => (await metric(through, 'tsuji_backend_maxconn_in_progress', host)) === 0,
      'nothing in progress',
    );
  });
}

exchangeTest('each host, header value or client address has its own count', tsuji, async (t) => {
  for (const { extractor, same, other } of [
    { extractor: 'request.host', same: '', other: '' },
    { extractor: 'request.header.X-User', same: 'X-User: a\r\n', other: 'X-User: b\r\n' },
    { extractor: 'client.ip', same: 'X-Forwarded-For: 1.2.3.4\r\n', other: '' },
  ]) {
    const server = await holding(t);
    const host = await addRoute(tsuji, [server.url], {
      'backends/$/maxconn/amount': '1',
      'backends/$/maxconn/extractorfunc': extractor,
      'frontends/$/routes/r/rule': 'PathPrefix:/',
      'frontends/$/priority': '1000000',
    });
    const first = await ask(t, host, same);
    await server.holds(1);
    await refused(await ask(t, host, same), 1);
    const second =
      extractor === 'request.host'
        ? await ask(t, `${host}:80`)
        : await ask(t, host, other, extractor === 'client.ip' ? '127.0.0.2' : '127.0.0.1');
    await server.holds(2);
    server.answerAll();
    for (const client of [first, second]) assert.equal((await response(client)).status, 200);
    tsuji.delete(`frontends/${host.replace('.test', '')}`);
    await tsuji.waitForStatus((status) => status.settled, 'the route to go');
  }
});

exchangeTest('below zero nothing passes, zero and no number are no limit', tsuji, async (t) => {
  const server = await startRawServer(
    t,
    answering(() => ok('hello')),
  );
  const negative = await addRoute(tsuji, [server.url], { 'backends/$/maxconn/amount': '-2' });
  await refused(await ask(t, negative), -2);
  for (const amount of ['0', 'many', '']) {
    const host = await addRoute(tsuji, [server.url], { 'backends/$/maxconn/amount': amount });
    assert.equal((await response(await ask(t, host))).status, 200, amount);
  }
  const empty = await addRoute(tsuji, [server.url], {
    'backends/$/maxconn/amount': '-2',
    'backends/$/maxconn/extractorfunc': '',
  });
  assert.equal((await response(await ask(t, empty))).status, 200);
});

exchangeTest(
  'a limit or a breaker that nobody can read closes its frontends, until it can be read',
  tsuji,
  async (t) => {
    const server = await startRawServer(
      t,
      answering(() => ok('hello')),
    );
    for (const [key, wrong, right] of [
      ['maxconn/extractorfunc', 'client.addr', 'client.ip'],
      ['circuitbreaker/expression', 'NetworkErrorRatio() >', 'NetworkErrorRatio() > 0.9'],
      ['buffering/maxrequestbodybytes', '-5', '5'],
    ]) {
      const host = await addRoute(tsuji, [server.url], {
        'backends/$/maxconn/amount': '9',
        [`backends/$/${key}`]: right,
      });
      const name = host.replace('.test', '');
      assert.equal((await response(await ask(t, host))).status, 200);
      const becomes = async (value: string, status: number): Promise<void> => {
        tsuji.set(`backends/${name}/${key}`, value);
        await waitFor(async () => (await response(await ask(t, host))).status === status, `${key} to be ${value}`);
      };
      await becomes(wrong, 404);
      const { problems } = (await tsuji.status()) as unknown as { problems: { key: string; state: string }[] };
      for (const place of [`backends/${name}/${key}`, `frontends/${name}/backend`]) {
        assert.equal(problems.find((each) => each.key.endsWith(`/${place}`))?.state, 'rejected', place);
      }
      await becomes(right, 200);
    }
  },
);

exchangeTest('what is in progress stays counted over changes, and another amount counts at once', tsuji, async (t) => {
  const server = await holding(t, '127.0.0.1');
  const host = await addRoute(tsuji, [server.url], { 'backends/$/maxconn/amount': '2' });
  const name = host.replace('.test', '');
  const clients = [await ask(t, host), await ask(t, host)];
  await server.holds(2);
  const change = async (key: string, value: string): Promise<void> => {
    const { generation } = await tsuji.status();
    tsuji.set(`backends/${name}/${key}`, value);
    await tsuji.waitForStatus((status) => status.settled && status.generation > generation, `${key} to be live`);
  };
  await change('servers/s1/weight', '7');
  await refused(await ask(t, host), 2);
  await tsuji.hasSaid(new RegExp(`event=limit_reached limit=maxconn object=${name} value=2 what=".*" refused=1\n`));
  await change('servers/s2/url', server.url.replace('127.0.0.1', 'localhost'));
  await refused(await ask(t, host), 2);
  await change('maxconn/amount', '3');
  clients.push(await ask(t, host));
  await server.holds(3);
  await refused(await ask(t, host), 3);
  await change('maxconn/amount', '1');
  await refused(await ask(t, host), 1);
  server.answerAll();
  for (const client of clients) assert.equal((await response(client)).status, 200);
  await waitFor(async () => (await metric(tsuji, 'tsuji_backend_maxconn_in_progress', host)) === 0, 'none in progress');
});

exchangeTest(
  'a WebSocket counts until it closes, and a client that goes away gives its place back',
  tsuji,
  async (t) => {
    const server = await startRawServer(
      t,
      answering((head) => accept(head)),
    );
    const host = await addRoute(tsuji, [server.url], { 'backends/$/maxconn/amount': '1' });
    const socket = await rawClient(t, tsuji.port);
    socket.send(handshake(host));
    await socket.until('\r\n\r\n');
    await refused(await ask(t, host), 1);
    socket.destroy();
    await waitFor(
      async () => (await metric(tsuji, 'tsuji_backend_maxconn_in_progress', host)) === 0,
      'the WebSocket to end',
    );
    const held = await holding(t);
    const again = await addRoute(tsuji, [held.url], { 'backends/$/maxconn/amount': '1' });
    const impatient = await ask(t, again);
    await held.holds(1);
    impatient.destroy();
    await waitFor(
      async () => (await metric(tsuji, 'tsuji_backend_maxconn_in_progress', again)) === 0,
      'the client to go',
    );
  },
);

async function statusOf(t: Scope, host: string): Promise<number> {
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  const { status, body } = await response(client);
  if (status === 503) assert.equal(body, 'Service Unavailable');
  client.destroy();
  return status;
}

exchangeTest(
  'a breaker trips over the responses of all workers, and keeps its servers free of requests',
  tsuji,
  async (t) => {
    let requests = 0;
    let answer = '502 Bad Gateway';
    const server = await startRawServer(
      t,
      answering(() => {
        requests++;
        return `HTTP/1.1 ${answer}\r\nContent-Length: 0\r\n\r\n`;
      }),
    );
    const expression = 'NetworkErrorRatio() > 0.5 || ResponseCodeRatio(500, 600, 0, 600) > 0.9';
    const host = await addRoute(tsuji, [server.url], { 'backends/$/circuitbreaker/expression': expression });
    const name = host.replace('.test', '');
    assert.equal(await statusOf(t, host), 502);
    // Its client may have it before it is counted.
    await waitFor(async () => (await metric(tsuji, 'tsuji_backend_breaker_state', host)) === 2, 'the breaker to trip');
    for (let i = 0; i < 10; i++) assert.equal(await statusOf(t, host), 503);
    assert.equal(requests, 1);
    assert.equal(await metric(tsuji, 'tsuji_backend_breaker_trips_total', host), 1);
    assert.equal(await metric(tsuji, 'tsuji_backend_breaker_refused_total', host), 10);
    const api = (await (await tsuji.api(`/api/providers/folder/backends/${name}`)).json()) as object;
    assert.deepEqual((api as { circuitBreaker: unknown }).circuitBreaker, { expression });

    // A change of its servers is no reason to forget.
    tsuji.set(`backends/${name}/servers/s1/weight`, '3');
    await tsuji.waitForStatus((status) => status.settled, 'the weight to be live');
    assert.equal(await statusOf(t, host), 503);

    // A new expression begins anew; what was counted before stays counted.
    tsuji.set(`backends/${name}/circuitbreaker/expression`, 'ResponseCodeRatio(500, 501, 0, 600) > 0.5');
    await waitFor(async () => (await statusOf(t, host)) === 502, 'the new expression to be live');
    answer = '200 OK';
    assert.equal(await statusOf(t, host), 200);
    assert.equal(await metric(tsuji, 'tsuji_backend_breaker_state', host), 0);
    assert.ok((await metric(tsuji, 'tsuji_backend_breaker_refused_total', host)) >= 11);
    assert.match(
      tsuji.output,
      new RegExp(
        `level=warning msg="Circuit breaker tripped: all requests are refused" event=breaker_tripped worker=\\d backend=${name} `,
      ),
    );
  },
);

exchangeTest('a refusal by maxconn is a response that the breaker counts', tsuji, async (t) => {
  const server = await startRawServer(t);
  const host = await addRoute(tsuji, [server.url], {
    'backends/$/maxconn/amount': '-1',
    'backends/$/circuitbreaker/expression': 'ResponseCodeRatio(429, 430, 0, 600) > 0.5',
  });
  assert.equal(await statusOf(t, host), 429);
  assert.equal(await statusOf(t, host), 503);
});
