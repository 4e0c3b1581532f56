/** Stickiness, draining, passive health, retry budget, methods: which server gets an exchange, seen from outside. */
import assert from 'node:assert/strict';
import test, { after, type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, handshake } from '../harness/websocket.ts';

const FAULT_HOOK = new URL('../harness/fault-hook.ts', import.meta.url).href;

const tsuji = await startTsuji({ after }, { workers: 2, flags: ['--ejection.time=200ms', '--ejection.maxTime=400ms'] });

async function named(t: TestContext, ...names: string[]): Promise<RawServer[]> {
  return Promise.all(
    names.map((name) =>
      startRawServer(
        t,
        answering(() => ok(name)),
      ),
    ),
  );
}

type Answer = { status: number; cookie: string; body: string };

/** One request on a connection of its own. */
async function ask(host: string, fields = '', on: Tsuji = tsuji, method = 'GET'): Promise<Answer> {
  const client = await rawClient({ after: () => {} }, on.port);
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  client.send(`${method} / HTTP/1.1\r\nHost: ${host}\r\n${fields}${length}Connection: close\r\n\r\n`);
  const text = await client.untilClosed();
  return {
    status: Number(text.slice(9, 12)),
    cookie: /\r\nSet-Cookie: ([^\r]*)\r\n/i.exec(text)?.[1] ?? '',
    body: text.slice(text.indexOf('\r\n\r\n') + 4),
  };
}

async function bodies(host: string, count: number, fields = ''): Promise<string> {
  let all = '';
  for (let i = 0; i < count; i++) all += (await ask(host, fields)).body;
  return all;
}

function nameOf(host: string): string {
  return host.slice(0, host.indexOf('.'));
}

type ServerState = { name: string; state: string; ejections: number };

async function serverStates(host: string, on: Tsuji = tsuji): Promise<ServerState[]> {
  const status = (await on.status()) as unknown as { backends: { name: string; servers: ServerState[] }[] };
  return status.backends.find(({ name }) => name === nameOf(host))!.servers;
}

test('a sticky client gets one cookie and stays with its server, over all workers', async (t) => {
  const [a, b] = await named(t, 'a', 'b');
  const host = await addRoute(tsuji, [a.url, b.url], {
    'backends/$/loadbalancer/stickiness': 'true',
  });
  const first = await ask(host);
  const [name, url] = first.cookie.split('; ')[0].split('=');
  assert.match(first.cookie, new RegExp(`^_[0-9a-f]{5}=http://${OWN_HOST}:\\d+; Path=/$`));
  assert.equal(url, first.body === 'a' ? a.url : b.url);
  const cookie = `Cookie: x=1; ${name}=${url}\r\n`;
  for (let i = 0; i < 8; i++) assert.deepEqual(await ask(host, cookie), { status: 200, cookie: '', body: first.body });
  const lost = await ask(host, `Cookie: ${name}=http://10.9.9.9:80\r\n`);
  assert.notEqual(lost.cookie, '');
  // Without the cookie the turns go on.
  assert.deepEqual([...(await bodies(host, 4))].sort().join(''), 'aabb');
});

test('the older key sticky has a cookie of a fixed name, and /api shows what it means', async (t) => {
  const [a] = await named(t, 'a');
  const host = await addRoute(tsuji, [a.url], { 'backends/$/loadbalancer/sticky': 'true' });
  assert.equal((await ask(host)).cookie, `_TRAEFIK_BACKEND=${a.url}; Path=/`);
  const backend = await (await tsuji.api(`/api/providers/folder/backends/${nameOf(host)}`)).json();
  assert.deepEqual((backend as { loadBalancer: object }).loadBalancer, {
    method: 'wrr',
    sticky: true,
    stickiness: { cookieName: '_TRAEFIK_BACKEND' },
  });
});

test('the password in the URL of a server is sent to nobody and shown nowhere', async (t) => {
  const [a] = await named(t, 'a');
  const url = a.url.replace('://', '://ann:S3CRET@');
  const host = await addRoute(tsuji, [url], { 'backends/$/loadbalancer/sticky': 'true' });
  const { cookie, status } = await ask(host);
  assert.deepEqual([status, cookie], [200, `_TRAEFIK_BACKEND=${a.url}; Path=/`]);
  // A session of before stays where it is.
  assert.equal((await ask(host, `Cookie: _TRAEFIK_BACKEND=${url}\r\n`)).cookie, '');
  const pages = ['/api', '/api/status', '/health', '/metrics', '/api/providers/folder/backends'];
  for (const page of pages) assert.doesNotMatch(await (await tsuji.api(page)).text(), /S3CRET|ann:/, page);
  assert.match(await (await tsuji.api('/api/status')).text(), /the user in the URL is not sent to the server/);
  assert.doesNotMatch(tsuji.output + a.connections.map(({ received }) => received).join(''), /S3CRET|authorization/i);
});

test('a WebSocket gets the cookie with its 101', async (t) => {
  const upstream = await startRawServer(t, (connection) => {
    connection.socket.once('data', () => connection.send(accept(connection.received)));
  });
  const host = await addRoute(tsuji, [upstream.url], { 'backends/$/loadbalancer/sticky': 'true' });
  const client = await rawClient(t, tsuji.port);
  client.send(handshake(host));
  assert.match(
    await client.until('\r\n\r\n'),
    new RegExp(`\r\nSet-Cookie: _TRAEFIK_BACKEND=${upstream.url}; Path=/\r\n`, 'i'),
  );
});

test('a draining server keeps its running request and its sticky clients, and gets no new ones', async (t) => {
  const slow: RawConnection[] = [];
  const a = await startRawServer(t, (connection) => {
    connection.socket.on('data', () => {
      if (connection.received.includes('x-slow')) slow.push(connection);
      else connection.send(ok('a'));
      connection.received = '';
    });
  });
  const [b] = await named(t, 'b');
  const host = await addRoute(tsuji, [a.url, b.url], { 'backends/$/loadbalancer/sticky': 'true' });
  const toA = `Cookie: _TRAEFIK_BACKEND=${a.url}\r\n`;
  const running = ask(host, `${toA}X-Slow: 1\r\n`);
  await waitFor(() => slow.length === 1, 'the slow request');
  tsuji.set(`backends/${nameOf(host)}/servers/s1/draining`, 'true');
  await waitFor(async () => (await serverStates(host))[0].state === 'draining', 'the state');
  await tsuji.waitForStatus(({ settled }) => settled, 'the table');
  assert.equal(await bodies(host, 6), 'bbbbbb');
  assert.equal(await bodies(host, 2, toA), 'aa');
  assert.match(
    await tsuji.metrics(),
    new RegExp(`tsuji_backend_server_in_flight{backend="${nameOf(host)}",url="${a.url}"} 1\n`),
  );
  assert.match(
    await tsuji.metrics(),
    new RegExp(`traefik_service_server_up{service="${nameOf(host)}",url="${a.url}"} 0\n`),
  );
  slow[0].send(ok('late'));
  assert.equal((await running).body, 'late');
});

test('a server that is taken out ends its running request first', async (t) => {
  const [a, b] = [await startRawServer(t), (await named(t, 'b'))[0]];
  const host = await addRoute(tsuji, [a.url]);
  const running = ask(host);
  const connection = await a.next();
  await connection.until('\r\n\r\n');
  tsuji.set(`backends/${nameOf(host)}/servers/s2/url`, b.url);
  tsuji.delete(`backends/${nameOf(host)}/servers/s1`);
  await waitFor(async () => (await serverStates(host)).map(({ name }) => name).join() === 's2', 'the change');
  await tsuji.waitForStatus(({ settled }) => settled, 'the table');
  assert.equal(await bodies(host, 3), 'bbb');
  connection.send(ok('last'));
  assert.equal((await running).body, 'last');
});

test('a server that refuses connections is ejected, tried again by nobody who notices, and returns', async (t) => {
  const [a, dead] = await named(t, 'a', 'd');
  const { url, port } = dead;
  const host = await addRoute(tsuji, [a.url, url], { 'backends/$/loadbalancer/sticky': 'true' });
  dead.close();
  const statuses: number[] = [];
  while ((await serverStates(host))[1].ejections === 0) {
    statuses.push((await ask(host)).status);
    assert.ok(statuses.length < 100, 'it is not ejected');
  }
  assert.equal(statuses.filter((status) => status === 502).length >= 5, true);
  // From now on nobody sees it: not its sticky clients, nor those whose request is a trial, as often as it takes.
  const toDead = `Cookie: _TRAEFIK_BACKEND=${url}\r\n`;
  const moved = await ask(host, toDead);
  assert.deepEqual([moved.body, moved.cookie], ['a', `_TRAEFIK_BACKEND=${a.url}; Path=/`]);
  await waitFor(async () => {
    assert.equal((await ask(host)).body, 'a');
    return (await serverStates(host))[1].ejections >= 3;
  }, 'two trials that fail');
  await startRawServer(
    t,
    answering(() => ok('d')),
    port,
  );
  await waitFor(async () => (await ask(host)).body === 'd', 'a request that reaches it');
  await waitFor(async () => (await serverStates(host))[1].state === 'in rotation', 'its return');
  assert.equal([...(await bodies(host, 8))].filter((body) => body === 'd').length, 4);
  assert.match(
    await tsuji.metrics(),
    new RegExp(`tsuji_backend_server_ejections_total{backend="${nameOf(host)}",url="${url}"} [3-9]`),
  );
});

test('never more than half of a backend is ejected, and the only server never', async (t) => {
  const servers = await named(t, 'a', 'b', 'c');
  const host = await addRoute(
    tsuji,
    servers.map(({ url }) => url),
  );
  const alone = await addRoute(tsuji, [servers[0].url]);
  for (const server of servers) server.close();
  for (let i = 0; i < 40; i++) {
    assert.equal((await ask(host, '', tsuji, 'POST')).status, 502);
    assert.equal((await ask(alone)).status, 502);
    const out = (await serverStates(host)).filter(({ state }) => state !== 'in rotation');
    assert.ok(out.length <= 1, `${out.length} are out`);
  }
  assert.equal((await serverStates(host)).filter(({ ejections }) => ejections > 0).length >= 1, true);
  assert.equal((await serverStates(alone))[0].ejections, 0);
});

test('a server that is well again makes room for the next one that fails, however long it was to stay out', async (t) => {
  const flapping = await startTsuji(t, { flags: ['--ejection.time=50ms', '--ejection.maxTime=1h'] });
  const [a, b, c] = await named(t, 'a', 'b', 'c');
  const host = await addRoute(flapping, [a.url, b.url, c.url]);
  const { port } = a;
  a.close();
  await waitFor(async () => {
    await ask(host, '', flapping);
    return (await serverStates(host, flapping))[0].ejections >= 6;
  }, 'five trials that fail');
  await startRawServer(
    t,
    answering(() => ok('a')),
    port,
  );
  b.close();
  let refused = 0;
  while ((await serverStates(host, flapping))[1].state === 'in rotation') {
    if ((await ask(host, '', flapping)).status === 502) refused++;
    assert.ok(refused < 40, 'it keeps its turns');
  }
  assert.equal((await ask(host, '', flapping)).status, 200);
  await waitFor(async () => (await serverStates(host, flapping))[0].state === 'in rotation', 'the first to be back');
});

test('a backend that only gets what may not be sent twice has its server back without a trial', async (t) => {
  const [a, dead] = await named(t, 'a', 'd');
  const { url, port } = dead;
  const host = await addRoute(tsuji, [a.url, url], { 'backends/$/ejection/failures': '2' });
  dead.close();
  await waitFor(async () => {
    await ask(host, '', tsuji, 'POST');
    return (await serverStates(host))[1].ejections > 0;
  }, 'the ejection');
  await startRawServer(
    t,
    answering(() => ok('d')),
    port,
  );
  await waitFor(async () => (await ask(host, '', tsuji, 'POST')).body === 'd', 'it to serve again');
  await tsuji.hasSaid(new RegExp(`event=server_returned backend=\\S+ server=\\S+ url="${url}"`));
});

test('retries have a budget, and what it refuses is counted', async (t) => {
  const retrying = await startTsuji(t, {
    flags: ['--retry.attempts=3', '--retry.budget=0', '--retry.minPerSecond=1', '--ejection.failures=0'],
  });
  const [dead] = await named(t, 'd');
  const host = await addRoute(retrying, [dead.url]);
  dead.close();
  // Ten in ten seconds; each request asks for two.
  for (let i = 0; i < 20; i++) assert.equal((await ask(host, '', retrying)).status, 502);
  const metrics = await retrying.metrics();
  const count = (series: string): number =>
    Number(new RegExp(`${series}="${nameOf(host)}"} (\\d+)`).exec(metrics)?.[1]);
  assert.equal(count('traefik_service_retries_total{service'), 10);
  assert.equal(count('tsuji_backend_retries_refused_total{backend'), 15);
  const line = new RegExp(
    `event=limit_reached limit=retry_budget object=${nameOf(host)} value=10 what="more tries" refused=1\n`,
  );
  await retrying.hasSaid(line);
});

test('leastconn passes over a server that is busy on another worker', async (t) => {
  const [a, b] = [await startRawServer(t), (await named(t, 'b'))[0]];
  const host = await addRoute(tsuji, [a.url, b.url], { 'backends/$/loadbalancer/method': 'leastconn' });
  // One of the first two goes to the server that does not answer.
  const pending = [ask(host), ask(host)];
  await a.next();
  // While the other one still runs, both are equally busy.
  assert.equal((await Promise.race(pending)).body, 'b');
  assert.equal(await bodies(host, 10), 'b'.repeat(10));
  a.connections[0].send(ok('a'));
  assert.deepEqual((await Promise.all(pending)).map(({ body }) => body).sort(), ['a', 'b']);
});

test('hash sends what has the same header to the same server', async (t) => {
  const servers = await named(t, 'a', 'b', 'c');
  const host = await addRoute(
    tsuji,
    servers.map(({ url }) => url),
    { 'backends/$/loadbalancer/method': 'hash', 'backends/$/loadbalancer/hash/key': 'request.header.X-User' },
  );
  const seen = new Set<string>();
  // That one of three servers gets none of so many users comes to pass once in three million times.
  for (let user = 0; user < 40; user++) {
    const first = (await ask(host, `X-User: u${user}\r\n`)).body;
    assert.equal((await ask(host, `X-User: u${user}\r\n`)).body, first);
    seen.add(first);
  }
  assert.equal(seen.size, 3);
  assert.deepEqual([...(await bodies(host, 3))].sort().join(''), 'abc');
});

test('a new server starts slowly, and an unknown method is reported', async (t) => {
  const [a, b] = await named(t, 'a', 'b');
  const host = await addRoute(tsuji, [a.url], {
    'backends/$/slowstart': '1h',
    'backends/$/loadbalancer/method': 'fastest',
  });
  tsuji.set(`backends/${nameOf(host)}/servers/s2/url`, b.url);
  await waitFor(async () => (await serverStates(host))[1]?.state === 'slow start', 'the second server');
  await tsuji.waitForStatus(({ settled }) => settled, 'the table');
  const got = [...(await bodies(host, 21))];
  assert.equal(got.filter((body) => body === 'b').length, 1);
  tsuji.delete(`backends/${nameOf(host)}/slowstart`);
  await waitFor(async () => (await serverStates(host))[1].state === 'in rotation', 'no slow start');
  await tsuji.waitForStatus(({ settled }) => settled, 'the table');
  assert.deepEqual([...(await bodies(host, 4))].sort().join(''), 'aabb');
  const { problems } = (await tsuji.status()) as unknown as { problems: { key: string; reason: string }[] };
  assert.match(problems.find(({ key }) => key.endsWith(`${nameOf(host)}/loadbalancer/method`))!.reason, /wrr is used/);
});

test('a worker that dies leaves nothing in flight with its servers', async (t) => {
  const faulty = await startTsuji(t, { workers: 2, imports: [FAULT_HOOK] });
  const silent = await startRawServer(t);
  const host = await addRoute(faulty, [silent.url]);
  const waiting = await Promise.all(Array.from({ length: 12 }, () => rawClient(t, faulty.port)));
  for (const client of waiting) client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const inFlight = async (): Promise<number> => {
    const line = new RegExp(`tsuji_backend_server_in_flight{backend="${nameOf(host)}",[^}]*} (\\d+)`);
    return Number(line.exec(await faulty.metrics())?.[1]);
  };
  await waitFor(async () => (await inFlight()) === 12, 'twelve requests in flight');
  const last = await rawClient(t, faulty.port);
  last.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nX-Fault: uncaught\r\n\r\n`);
  await faulty.waitForStatus(
    ({ workers }) => workers.some(({ restarts }) => restarts === 1),
    'the worker to be replaced',
  );
  await waitFor(async () => (await inFlight()) === waiting.filter(({ closed }) => !closed).length, 'the others alone');
  assert.ok(waiting.some(({ closed }) => closed) || last.closed);
  for (const client of waiting) client.destroy();
  await waitFor(async () => (await inFlight()) === 0, 'nothing in flight');
});
