import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import test, { type TestContext } from 'node:test';
import { type AdminOptions, AdminServer } from '../../src/control/admin/admin-server.ts';
import type { WebSettings } from '../../src/settings/settings.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../src/shared/metrics-layout.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient } from '../harness/raw.ts';
import { waitFor } from '../harness/tools.ts';
import { parseExposition } from '../unit/control/admin/exposition-parser.ts';
import { backend, FakeView, frontend, server, webSettings } from '../unit/control/admin/fake-view.ts';

type Started = { readonly url: string; readonly port: number; readonly admin: AdminServer };

async function startAdmin(
  t: TestContext,
  view: FakeView,
  options: AdminOptions = {},
  web: Partial<WebSettings> = {},
): Promise<Started> {
  const admin = new AdminServer(view, webSettings(web), options);
  const { port } = await admin.listen();
  t.after(() => admin.close());
  return { url: `http://${OWN_HOST}:${port}`, port, admin };
}

function tutorialView(): FakeView {
  const view = new FakeView();
  view.put(
    backend('backend1', server('server1', 'http://10.0.0.1:80')),
    frontend('frontend1', 'backend1', 'Host:nginx.example.com'),
  );
  return view;
}

async function get(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(url, { method, headers, redirect: 'manual' });
  const body = await response.text();
  return { status: response.status, headers: response.headers, body };
}

/** Reads server-sent events until the stream ends. */
async function follow(t: TestContext, url: string) {
  const events: { event: string; data: Record<string, unknown> }[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  const response = await fetch(url, { signal: stop.signal });
  let ended = false;
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const found = /^event: (.+)\ndata: (.+)$/.exec(text.slice(0, end));
        if (found) events.push({ event: found[1], data: JSON.parse(found[2]) });
        text = text.slice(end + 2);
      }
    }
  };
  read()
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  const seen = (event: string, holds: (data: Record<string, unknown>) => boolean) =>
    waitFor(() => events.some((one) => one.event === event && holds(one.data)), `${event} event`);
  return { status: response.status, headers: response.headers, events, seen, stop, hasEnded: () => ended };
}

test('ping answers GET and HEAD, and 503 while draining', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view);
  const ok = await get(`${url}/ping`);
  assert.deepEqual([ok.status, ok.body], [200, 'OK']);
  const head = await get(`${url}/ping`, {}, 'HEAD');
  assert.deepEqual([head.status, head.body, head.headers.get('content-length')], [200, '', '2']);
  view.isDraining = true;
  const draining = await get(`${url}/ping`);
  assert.deepEqual([draining.status, draining.body], [503, 'Service Unavailable']);
});

test('the API answers compact JSON and the not-found text of Traefik', async (t) => {
  const { url } = await startAdmin(t, tutorialView());
  const api = await get(`${url}/api`);
  assert.equal(api.headers.get('content-type'), 'application/json; charset=UTF-8');
  assert.equal(JSON.parse(api.body).etcd.frontends.frontend1.backend, 'backend1');
  const one = await get(`${url}/api/providers/etcd/backends/backend%31/servers/server1?x=/`);
  assert.equal(one.body, '{"url":"http://10.0.0.1:80","weight":1}');
  for (const path of ['/api/nothing', '/api/providers/etcd/backends/b', '/x', '//api', '/api/%ff', '/health/x']) {
    const missing = await get(url + path);
    assert.deepEqual([missing.status, missing.body], [404, '404 page not found\n'], path);
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
    assert.equal((await get(`${url}/api`, {}, method)).status, 404, method);
  }
});

test('a trailing slash is redirected where a page is, and kept where it is asked to be', async (t) => {
  const { url } = await startAdmin(t, tutorialView());
  for (const [path, to] of [
    ['/api/', '/api'],
    ['/health/', '/health'],
    ['/api/providers/etcd/backends/?a=b', '/api/providers/etcd/backends?a=b'],
  ]) {
    const reply = await get(url + path);
    assert.deepEqual([reply.status, reply.headers.get('location')], [301, to]);
  }
  for (const path of ['/nothing/', '//evil.example/', '/api/nothing/']) {
    assert.equal((await get(url + path)).status, 404, path);
  }
  const keeping = await startAdmin(t, tutorialView(), { keepTrailingSlash: true });
  assert.equal((await get(`${keeping.url}/api/`)).status, 404);
});

test('the root leads to the dashboard, below the prefix that a proxy cut off', async (t) => {
  const { url } = await startAdmin(t, tutorialView());
  const to = async (prefix: string) => {
    const reply = await get(`${url}/`, prefix === '' ? {} : { 'X-Forwarded-Prefix': prefix });
    assert.equal(reply.status, 302);
    return reply.headers.get('location');
  };
  assert.equal(await to(''), '/dashboard/');
  assert.equal(await to('/lb'), '/lb/dashboard/');
  assert.equal(await to('/a/b/'), '/a/b/dashboard/');
  for (const prefix of ['//evil.example', 'http://evil.example', '/\\evil.example', 'evil']) {
    assert.equal(await to(prefix), '/dashboard/', prefix);
  }
  assert.equal((await get(`${url}/dashboard/status`)).headers.get('location'), '/dashboard/');
});

test('with a path, every page moves below it', async (t) => {
  const { url } = await startAdmin(t, tutorialView(), {}, { path: '/lb/' });
  assert.equal((await get(`${url}/lb/ping`)).body, 'OK');
  assert.equal((await get(`${url}/lb/api/version`)).status, 200);
  assert.equal((await get(`${url}/lb/dashboard/`)).status, 200);
  assert.equal((await get(`${url}/lb`)).headers.get('location'), '/lb/dashboard/');
  for (const path of ['/', '/ping', '/dashboard/', '/lbping']) assert.equal((await get(url + path)).status, 404, path);
});

test('the dashboard files carry a strict policy and are not sent twice', async (t) => {
  const { url } = await startAdmin(t, tutorialView());
  for (const [name, type] of [
    ['', 'text/html'],
    ['main.js', 'text/javascript'],
    ['screens/overview.js', 'text/javascript'],
    ['uplot.js', 'text/javascript'],
    ['theme.css', 'text/css'],
    ['icon-outage.svg', 'image/svg+xml'],
    ['inter.woff2', 'font/woff2'],
  ]) {
    const file = await get(`${url}/dashboard/${name}`);
    assert.equal(file.status, 200, name);
    assert.ok(file.headers.get('content-type')?.startsWith(type));
    assert.match(file.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
    assert.equal(file.headers.get('x-content-type-options'), 'nosniff');
    const again = await get(`${url}/dashboard/${name}`, { 'If-None-Match': file.headers.get('etag') ?? '' });
    assert.deepEqual([again.status, again.body], [304, '']);
    assert.doesNotMatch(file.body, /(src|href)="https?:/, name);
  }
  for (const path of [
    'admin-server.ts',
    '..%2Fapi.ts',
    'screens',
    'screens/',
    'screens/..%2f..%2fapi.ts',
    '%2e%2e/api.ts',
    '../json.ts',
    'x',
  ]) {
    assert.equal((await get(`${url}/dashboard/${path}`)).status, 404, path);
  }
});

test('the metrics page is valid and counts what a lane was told', async (t) => {
  const view = tutorialView();
  view.lanes.push(createMetricsLane([0.1, 1]));
  view.backendNames = ['backend1'];
  const lane = new MetricsLane(view.lanes[0]);
  for (let i = 0; i < 7; i++) lane.backendDone(0, 'GET', 200, PROTOCOL.http, 0.5, 0, 1);
  const { url } = await startAdmin(t, view);
  const reply = await get(`${url}/metrics`);
  assert.equal(reply.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const [sample] = parseExposition(reply.body).get('traefik_backend_requests_total')?.samples ?? [];
  assert.deepEqual([sample.labels.backend, sample.value], ['backend1', 7]);
});

test('a large page of metrics is whole for whoever takes no gzip, and the connection serves on', async (t) => {
  const view = tutorialView();
  for (let i = 0; i < 2_000; i++) view.put(backend(`b${i}`, server('s', `http://10.0.0.1:${i + 1}`)));
  const { url, port } = await startAdmin(t, view, { scrapes: { wholeBytes: 1_000 } });
  const reply = await get(`${url}/metrics`, { 'Accept-Encoding': 'identity' });
  assert.equal(Number(reply.headers.get('content-length')), Buffer.byteLength(reply.body));
  assert.equal(parseExposition(reply.body).get('traefik_backend_server_up')?.samples.length, 2_001);
  const compressed = await get(`${url}/metrics`);
  assert.equal(compressed.headers.get('content-encoding'), 'gzip');
  const client = await rawClient(t, port);
  for (let i = 0; i < 2; i++) client.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  client.send('GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const answers = await client.untilClosed();
  assert.equal(answers.split('HTTP/1.1 200 OK').length - 1, 3);
  // Whoever goes away within one leaves its place to others.
  for (let i = 0; i < 4; i++) {
    const leaving = await rawClient(t, port);
    leaving.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await leaving.until('HTTP/1.1 200 OK');
    leaving.destroy();
  }
  await waitFor(async () => (await get(`${url}/metrics`, { 'Accept-Encoding': 'identity' })).status === 200, 'a place');
});

test('the status tells percentiles, problems and the real ports', async (t) => {
  const view = tutorialView();
  view.lanes.push(createMetricsLane([0.1, 1]));
  view.backendNames = ['backend1'];
  view.reject('/traefik/frontends/f2/routes/r/rule', 'unknown function Hots, did you mean Host?');
  const lane = new MetricsLane(view.lanes[0]);
  for (let i = 0; i < 100; i++) lane.backendDone(0, 'GET', 200, PROTOCOL.http, 0.02, 0, 1);
  const { url } = await startAdmin(t, view);
  const status = JSON.parse((await get(`${url}/api/status`)).body);
  assert.equal(status.entryPoints[0].port, 8000);
  assert.equal(status.frontends[0].routes[0].rule, 'Host:nginx.example.com');
  assert.deepEqual(status.problems, [...view.problems()]);
  const [numbers] = status.backendNumbers;
  assert.deepEqual([numbers.name, numbers.requests], ['backend1', 100]);
  assert.ok(Math.abs(numbers.latency.p99 - 0.02) < 0.001);
});

test('the event stream gives the state at once and each change soon after', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view);
  const stream = await follow(t, `${url}/api/events`);
  assert.equal(stream.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  await stream.seen('configuration', (data) => (data.frontends as unknown[]).length === 1);
  await stream.seen('live', (data) => data.generation === 1);
  view.put(frontend('frontend2', 'backend1', 'Host:b'));
  view.generationNow = 2;
  view.changed();
  await stream.seen('configuration', (data) => (data.frontends as unknown[]).length === 2);
  await stream.seen('live', (data) => data.generation === 2);
});

test('a storm of changes becomes a few events, and the last state arrives', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view);
  const stream = await follow(t, `${url}/api/events`);
  await stream.seen('live', () => true);
  for (let i = 2; i <= 500; i++) {
    view.put(frontend(`frontend${i}`, 'backend1', `Host:h${i}`));
    view.generationNow = i;
    view.changed();
    if (i % 50 === 0) await new Promise(setImmediate);
  }
  await stream.seen('configuration', (data) => (data.frontends as unknown[]).length === 500);
  assert.ok(stream.events.length < 12, `${stream.events.length} events`);
});

test('streams are bounded, and nothing is prepared once the last one is gone', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view, { maxEventClients: 2 });
  const streams = [await follow(t, `${url}/api/events`), await follow(t, `${url}/api/events`)];
  const refused = await get(`${url}/api/events`);
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '30']);
  assert.equal(view.listenerCount(), 1);
  for (const stream of streams) stream.stop.abort();
  await waitFor(() => view.listenerCount() === 0, 'the end of listening');
  assert.equal((await follow(t, `${url}/api/events`)).status, 200);
});

test('a view that throws costs one answer only', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view);
  const stream = await follow(t, `${url}/api/events`);
  const healthy = view.certificates;
  view.certificates = () => {
    throw new Error('no certificates today');
  };
  assert.equal((await get(`${url}/api/status`)).status, 500);
  view.changed();
  assert.equal((await get(`${url}/ping`)).status, 200);
  view.certificates = healthy;
  view.generationNow = 5;
  view.changed();
  await stream.seen('live', (data) => data.generation === 5);
});

test('a change reaches event streams although the numbers could not be read when it came', async (t) => {
  const view = tutorialView();
  const { url } = await startAdmin(t, view);
  const stream = await follow(t, `${url}/api/events`);
  await stream.seen('configuration', () => true);
  const healthy = view.workers;
  let failed = 0;
  view.workers = () => {
    failed++;
    throw new Error('no workers today');
  };
  view.put(frontend('frontend2', 'backend1', 'Host:b'));
  view.changed();
  await waitFor(() => failed > 0, 'the live event to fail');
  view.workers = healthy;
  await stream.seen('configuration', (data) => (data.frontends as unknown[]).length === 2);
});

test('malformed, oversized and bodied requests are refused without harm', async (t) => {
  const { url, port } = await startAdmin(t, tutorialView());
  const raw = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, OWN_HOST, () => socket.write(text));
      let answer = '';
      socket.setEncoding('latin1').on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('error', () => resolve(answer));
      socket.on('close', () => resolve(answer));
    });
  assert.match(await raw('rubbish\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await raw(`GET /api HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(
    await raw('PUT /api HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome'),
    /^HTTP\/1\.1 404 [\s\S]*connection: close/i,
  );
  assert.match(await raw('GET http://a/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 200 /);
  assert.match(await raw('GET http://b/ping HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 400 /);
  for (const fields of ['', 'Host:\r\n', 'Host: a\r\nHost: a\r\n', 'Host: [::1\r\n']) {
    assert.match(await raw(`GET /ping HTTP/1.1\r\n${fields}\r\n`), /^HTTP\/1\.1 400 /, fields);
  }
  assert.equal((await get(`${url}/ping`)).status, 200);
});

test('a taken port is named with its reason', async (t) => {
  const taken = createServer().listen(0, OWN_HOST);
  t.after(() => taken.close());
  await waitFor(() => taken.listening, 'the other server');
  const { port } = taken.address() as { port: number };
  const admin = new AdminServer(new FakeView(), webSettings({ address: `${OWN_HOST}:${port}`, port }));
  await assert.rejects(admin.listen(), {
    code: 'ADMIN_LISTEN',
    message: `entrypoint admin: cannot listen on ${OWN_HOST}:${port}: the port is taken by this process itself`,
  });
  await admin.close();
});

test('closing ends event streams and idle connections and frees the port', async (t) => {
  const view = tutorialView();
  const { url, admin, port } = await startAdmin(t, view);
  const stream = await follow(t, `${url}/api/events`);
  const idle = httpRequest({ port, host: OWN_HOST, path: '/ping', headers: { connection: 'keep-alive' } }).end();
  await new Promise<void>((resolve) => {
    idle.on('response', (response: IncomingMessage) => response.resume().on('end', resolve));
  });
  await admin.close();
  await waitFor(() => stream.hasEnded(), 'the end of the stream');
  const next = createServer().listen(port, OWN_HOST);
  t.after(() => next.close());
  await waitFor(() => next.listening, 'the port');
});

test('pages ask by which name they were asked for, ping does not', async (t) => {
  const { port } = await startAdmin(t, tutorialView());
  const ask = async (target: string, fields: string) => {
    const client = await rawClient(t, port);
    client.send(`GET ${target} HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`);
    return client.untilClosed();
  };
  const strange = 'Host: evil.example\r\n';
  for (const path of ['/', '/dashboard/', '/api', '/api/status', '/api/events', '/health']) {
    assert.match(await ask(path, strange), /^HTTP\/1\.1 403 [\s\S]*--web\.hosts=evil\.example/, path);
  }
  for (const path of ['/ping', '/livez', '/readyz', '/metrics']) {
    assert.match(await ask(path, strange), /^HTTP\/1\.1 200 /, path);
  }
  assert.match(await ask('/metrics', `${strange}Accept-Language: en\r\n`), /^HTTP\/1\.1 403 /);
  assert.match(await ask('/api', 'Host: lb:8080\r\n'), /^HTTP\/1\.1 200 /);
});

test('ready means that routes were loaded and nothing is being drained; a ping asks for no routes; alive is alive', async (t) => {
  const view = tutorialView();
  const { url, port } = await startAdmin(t, view);
  const seen = async () => {
    const [ready, ping, live] = await Promise.all(['readyz', 'ping', 'livez'].map((name) => get(`${url}/${name}`)));
    assert.equal(live.status, 200);
    return [ready.status, ready.body, ping.status, ping.body];
  };
  const unwell = [503, 'Service Unavailable'];
  assert.deepEqual(await seen(), [200, 'ready\n', 200, 'OK']);
  view.loadedNow = { ready: false, reason: 'etcdv3 is connecting: 10.9.8.7 refused' };
  assert.deepEqual(await seen(), [503, 'not ready: etcdv3 is connecting: 10.9.8.7 refused\n', 200, 'OK']);
  const stranger = await rawClient(t, port);
  stranger.send('GET /readyz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
  assert.match(await stranger.untilClosed(), /^HTTP\/1\.1 503 [\s\S]*\r\n\r\nnot ready\n$/);
  view.loadedNow = { ready: true, reason: '' };
  view.workerList = [{ index: 0, state: 'starting', generation: 0, restarts: 1, lostExchanges: 0, loop: () => null }];
  assert.deepEqual(await seen(), [503, 'not ready: no worker is serving\n', ...unwell]);
  view.isDraining = true;
  assert.deepEqual(await seen(), [503, 'not ready: draining\n', ...unwell]);
});

test('ping, livez and readyz are for everybody, whatever the name and the address', async (t) => {
  const whiteList = { sourceRange: ['10.0.0.0/8'], useXForwardedFor: false };
  const { url } = await startAdmin(t, tutorialView(), {}, { whiteList });
  for (const name of ['ping', 'livez', 'readyz']) assert.equal((await get(`${url}/${name}`)).status, 200, name);
  for (const name of ['api', 'metrics', 'health', 'dashboard/']) {
    const refused = await get(`${url}/${name}`);
    assert.deepEqual([refused.status, refused.body], [403, 'Forbidden'], name);
  }
});

test('what the guard holds is confirmed by a POST of this site, and by nothing else', async (t) => {
  const view = tutorialView();
  const { url, port } = await startAdmin(t, view);
  const place = `${url}/api/guard/confirm`;
  assert.equal((await get(place)).status, 404);
  assert.equal((await get(place, { origin: 'http://evil.example' }, 'POST')).status, 403);
  assert.equal(view.confirmed, 0);
  const { status, body } = await get(place, { origin: `http://${OWN_HOST}:${port}` }, 'POST');
  assert.deepEqual([status, JSON.parse(body)], [200, { confirmed: null }]);
  assert.equal((await get(place, {}, 'POST')).status, 200);
  assert.equal(view.confirmed, 2);
  assert.equal((await get(`${url}/api/guard`, {}, 'POST')).status, 404);
});
