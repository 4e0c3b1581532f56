/** Traces from a client to its server and to a collector (shared/spec logs §5). */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import test, { after } from 'node:test';
import { ENGINES, isHttp2, startEngines } from '../harness/engines.ts';
import { listening } from '../harness/listening.ts';
import { type CollectedSpan, startCollector } from '../harness/otlp.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, handshake, startWsServer } from '../harness/websocket.ts';

const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

let seen: IncomingHttpHeaders = {};
const server = createServer((request, response) => {
  seen = request.headers;
  response.statusCode = Number(request.headers['x-status'] ?? 200);
  response.setHeader('X-Answer', ['1', '2']);
  response.end('site');
});
const site = await listening({ after }, server);
const auth = await listening(
  { after },
  createServer((request, response) => {
    seen = request.headers;
    response.statusCode = request.headers.authorization === undefined ? 401 : 200;
    response.end();
  }),
);
/** Nobody listens there. */
const GONE = 'http://127.0.0.1:1';

const collector = await startCollector({ after });
const engines = await startEngines(
  { after },
  {
    workers: 2,
    flags: [
      `--tracing.otlp.http.endpoint=${collector.url}`,
      '--tracing.otlp.http.headers=X-Key=secret',
      '--tracing.serviceName=edge',
      '--tracing.resourceAttributes.zone=a',
      '--tracing.propagation=tracecontext,b3multi,baggage',
      '--tracing.capturedRequestHeaders=X-Ask,X-Many',
      '--tracing.capturedResponseHeaders=X-Answer',
      '--tracing.safeQueryParams=page',
      '--tracing.response',
      '--retry',
    ],
    env: { OTEL_BSP_SCHEDULE_DELAY: '50' },
  },
);
const { tsuji } = engines;
const route = (keys: Record<string, string> = {}, urls = [site]): Promise<string> =>
  addRoute(tsuji, urls, under('frontends/$', keys));

let traces = 0;
function parent(sampled = true): { traceId: string; spanId: string; field: string } {
  const traceId = (++traces).toString(16).padStart(32, 'a');
  const spanId = traces.toString(16).padStart(16, 'b');
  return { traceId, spanId, field: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` };
}

/** The ids that a server was told. */
function told(headers: IncomingHttpHeaders): { traceId: string; spanId: string; flags: string } {
  const [, traceId, spanId, flags] = String(headers.traceparent).split('-');
  assert.equal(headers['x-b3-traceid'], traceId);
  assert.equal(headers['x-b3-spanid'], spanId);
  assert.equal(headers['x-b3-sampled'], flags === '01' ? '1' : '0');
  return { traceId, spanId, flags };
}

function hasAll({ attributes }: CollectedSpan, wanted: CollectedSpan['attributes']): void {
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(attributes[name], value, name);
}

const half = await startRawServer({ after }, (connection) => {
  void connection.until('\r\n\r\n').then(() => {
    connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
  });
});
const breaking = await route({}, [half.url]);
const plain = await route();
const own = await route({ 'routes/r/rule': 'Host:own.test;PathPrefixStrip:/shop' });
const untraced = await route({ 'observability/tracing': 'false' });
const guarded = await route({ 'auth/forward/address': `${auth}/check?token=1` });
const refused = await route({ 'denylist/sourcerange': '0.0.0.0/0' });

/** What everybody but the server itself was told of a request, by its path. */
const others = new Map<string, IncomingHttpHeaders>();
const letting = await listening(
  { after },
  createServer((request, response) => {
    others.set('auth', request.headers);
    response.end();
  }),
);
const mirror = await listening(
  { after },
  createServer((request, response) => {
    others.set('mirror', request.headers);
    response.end();
  }),
);
const [copied] = (await addRoute(tsuji, [mirror])).split('.');
const h2c = createHttp2Server((request, response) => {
  seen = request.headers;
  response.end('over HTTP/2');
});
const http2Site = (await listening({ after }, h2c)).replace('http:', 'h2c:');
const watched = await route({ 'auth/forward/address': letting, 'mirrors/m/backend': copied }, [http2Site]);

for (const engine of ENGINES) {
  test(`${engine}: an auth server, a mirror and a server that speaks HTTP/2 hear of one request by one name and one trace`, async () => {
    const { traceId, field } = parent();
    others.clear();
    await engines.ask(engine, { host: watched, fields: { traceparent: field } });
    await waitFor(() => others.size === 2, 'the auth server and the mirror');
    const name = String(seen['x-request-id']);
    assert.match(name, /^[0-9a-f-]{36}$/);
    for (const [who, headers] of others) {
      assert.equal(headers['x-request-id'], name, who);
      assert.equal(told(headers).traceId, traceId, who);
    }
    const [exchange, call, attempt] = await collector.trace(traceId, 3);
    assert.deepEqual([call.kind, call.parentId], [CLIENT, exchange.spanId]);
    assert.deepEqual([attempt.kind, attempt.parentId, attempt.spanId], [CLIENT, exchange.spanId, told(seen).spanId]);
    hasAll(attempt, { 'network.protocol.version': '2', 'http.response.status_code': 200 });
    hasAll(exchange, { 'tsuji.request_id': name });
  });

  test(`${engine}: a trace goes on from its client through a span for the exchange and one for the try`, async () => {
    const { traceId, spanId, field } = parent();
    const fields = {
      traceparent: field,
      tracestate: ['a=1', 'b=2'],
      baggage: 'k=v',
      'x-ask': 'me',
      'x-many': ['1', '2'],
      'user-agent': 'test',
      'x-forwarded-for': '192.0.2.7, 10.0.0.1',
    };
    const answer = await engines.ask(engine, { host: 'own.test', path: '/shop/a?page=2&key=secret&flag', fields });
    const toServer = told(seen);
    assert.deepEqual([toServer.traceId, toServer.flags], [traceId, '01']);
    assert.deepEqual([seen.tracestate, seen.baggage], ['a=1,b=2', 'k=v']);
    const [exchange, attempt] = await collector.trace(traceId, 2);
    assert.deepEqual([exchange.kind, exchange.parentId, exchange.state], [SERVER, spanId, 'a=1,b=2']);
    assert.deepEqual([exchange.name, exchange.status, exchange.flags], ['GET /shop', 0, 0x301]);
    assert.equal(answer.fields.traceresponse, `00-${traceId}-${exchange.spanId}-01`);
    hasAll(exchange, {
      'http.request.method': 'GET',
      'network.protocol.version': isHttp2(engine) ? '2' : '1.1',
      'http.response.status_code': 200,
      'url.path': '/shop/a',
      'url.query': 'page=2&key=REDACTED&flag',
      'url.scheme': ['uws', 'tsuji'].includes(engine) ? 'http' : 'https',
      'http.route': '/shop',
      'client.address': '192.0.2.7',
      'user_agent.original': 'test',
      'server.address': 'own.test',
      'network.peer.address': '127.0.0.1',
      'http.request.header.x-ask': ['me'],
      'http.response.header.x-answer': ['1', '2'],
      'tsuji.frontend': own.split('.')[0],
      'tsuji.backend': own.split('.')[0],
      'tsuji.server': 's1',
      'tsuji.cause': 'ok',
      'tsuji.request_id': String(seen['x-request-id']),
    });
    assert.deepEqual([exchange.attributes['http.request.header.x-many']].flat().join(), '1,2');
    assert.equal(exchange.attributes['error.type'], undefined);
    assert.deepEqual([attempt.kind, attempt.parentId, attempt.spanId], [CLIENT, exchange.spanId, toServer.spanId]);
    assert.deepEqual([attempt.name, attempt.flags], ['GET', 0x101]);
    const port = Number(new URL(site).port);
    hasAll(attempt, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'network.protocol.version': '1.1',
      'url.full': `${site}/a?page=2&key=REDACTED&flag`,
      'server.address': OWN_HOST,
      'server.port': port,
      'network.peer.address': OWN_HOST,
      'network.peer.port': port,
      'http.response.header.x-answer': ['1', '2'],
      'tsuji.cause': 'ok',
    });
    assert.equal(attempt.attributes['http.request.resend_count'], undefined);
    assert.ok(exchange.start <= attempt.start && attempt.start <= attempt.end && attempt.end <= exchange.end);
    assert.ok(Math.abs(Number(exchange.start / 1_000_000n) - Date.now()) < 60_000);
  });

  test(`${engine}: whoever says nothing of traces, or nothing that counts, begins one`, async () => {
    for (const fields of [
      {},
      { traceparent: 'x', tracestate: 'a=1' },
      { traceparent: [parent().field, parent().field] },
    ]) {
      await engines.ask(engine, { host: plain, fields: fields as Record<string, string | string[]> });
      const { traceId, flags } = told(seen);
      assert.deepEqual([flags, seen.tracestate], ['01', undefined]);
      const [exchange] = await collector.trace(traceId, 2);
      assert.deepEqual([exchange.parentId, exchange.flags, exchange.name], ['', 0x101, 'GET']);
    }
  });

  test(`${engine}: what a client does not want to be kept is not, and a frontend may have nothing to do with it`, async () => {
    const { traceId, spanId, field } = parent(false);
    await engines.ask(engine, { host: plain, fields: { traceparent: field } });
    const toServer = told(seen);
    assert.deepEqual([toServer.traceId, toServer.flags], [traceId, '00']);
    assert.notEqual(toServer.spanId, spanId);
    const other = parent();
    const fields = { traceparent: other.field, tracestate: 'bad', 'x-b3-sampled': '1' };
    await engines.ask(engine, { host: untraced, fields });
    assert.deepEqual([seen.traceparent, seen.tracestate, seen['x-b3-sampled']], [other.field, 'bad', '1']);
    await engines.ask(engine, { host: untraced });
    assert.equal(seen.traceparent, undefined);
    assert.deepEqual([collector.of(traceId), collector.of(other.traceId)], [[], []]);
  });

  test(`${engine}: each try is a span, and so is the call of an auth server; guards are none`, async () => {
    const { traceId, field } = parent();
    // One turn after the other, so that the first is for the server that is gone.
    const retried = await addRoute(tsuji, [GONE, site]);
    await engines.ask(engine, { host: retried, fields: { traceparent: field, 'x-status': '404' } });
    const [exchange, first, second] = await collector.trace(traceId, 3);
    assert.deepEqual([exchange.status, first.status, second.status], [0, ERROR, ERROR]);
    hasAll(first, { 'error.type': 'connect_failed', 'tsuji.cause': 'connect_failed', 'url.full': `${GONE}/` });
    assert.equal(first.attributes['http.response.status_code'], undefined);
    hasAll(second, { 'http.request.resend_count': 1, 'http.response.status_code': 404, 'error.type': '404' });
    assert.equal(second.spanId, told(seen).spanId);

    const asked = parent();
    await engines.ask(engine, { host: guarded, fields: { traceparent: asked.field } });
    const [no, call] = await collector.trace(asked.traceId, 2);
    assert.deepEqual([call.kind, call.parentId, call.spanId], [CLIENT, no.spanId, told(seen).spanId]);
    hasAll(call, { 'url.full': `${auth}/check?token=REDACTED`, 'http.response.status_code': 401, 'error.type': '401' });
    hasAll(no, { 'tsuji.cause': 'auth_refused', 'http.response.status_code': 401 });
    assert.equal(no.status, 0);

    const denied = parent();
    const answer = await engines.ask(engine, { host: refused, method: 'BREW', fields: { traceparent: denied.field } });
    const [only, ...others] = await collector.trace(denied.traceId, 1);
    assert.deepEqual(others, []);
    assert.equal(answer.fields.traceresponse, `00-${denied.traceId}-${only.spanId}-01`);
    assert.equal(only.name, 'HTTP');
    hasAll(only, {
      'tsuji.cause': 'forbidden',
      'http.request.method': '_OTHER',
      'http.request.method_original': 'BREW',
      'http.response.status_code': 403,
    });
  });

  test(`${engine}: a response that breaks, and one that is the server's fault, are errors`, async () => {
    const bad = parent();
    await engines.ask(engine, { host: plain, fields: { traceparent: bad.field, 'x-status': '503' } });
    const [exchange, attempt] = await collector.trace(bad.traceId, 2);
    assert.deepEqual([exchange.status, attempt.status], [ERROR, ERROR]);
    hasAll(exchange, { 'error.type': '503', 'tsuji.cause': 'ok' });
    const broken = parent();
    await assert.rejects(engines.ask(engine, { host: breaking, fields: { traceparent: broken.field } }));
    const [exchangeSpan, trySpan] = await collector.trace(broken.traceId, 2);
    assert.deepEqual([exchangeSpan.status, trySpan.status], [ERROR, ERROR]);
    for (const span of [exchangeSpan, trySpan])
      hasAll(span, { 'error.type': 'truncated', 'http.response.status_code': 200 });
  });
}

for (const engine of ['uws', 'tsuji'] as const) {
  test(`${engine}: a WebSocket is a span from its handshake to its end`, async (t) => {
    const wsServer = await startWsServer(t, echoing);
    const host = await addRoute(tsuji, [wsServer.url]);
    const { traceId, field } = parent();
    const client = await rawClient(t, engines.port(engine));
    client.send(handshake(host, `traceparent: ${field}\r\n`));
    const head = await client.until('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 101 /);
    client.destroy();
    const [exchange, attempt] = await collector.trace(traceId, 2);
    hasAll(exchange, { 'http.response.status_code': 101 });
    hasAll(attempt, { 'http.response.status_code': 101, 'network.peer.address': OWN_HOST });
    assert.equal(wsServer.requests[0].headers.traceparent, `00-${traceId}-${attempt.spanId}-01`);
  });
}

test('a collector gets protobuf, compressed, with what was configured and who we are', async () => {
  const [headers] = collector.headers;
  assert.deepEqual(
    [headers['content-type'], headers['content-encoding'], headers['x-key']],
    ['application/x-protobuf', 'gzip', 'secret'],
  );
  assert.match(String(headers['user-agent']), /^tsuji\/\d/);
  const [{ resource, scope }] = collector.batches;
  assert.deepEqual([resource['service.name'], resource.zone, scope.name], ['edge', 'a', 'tsuji']);
  for (const name of ['service.version', 'service.instance.id', 'host.name']) assert.notEqual(resource[name] ?? '', '');
  assert.ok(!tsuji.output.includes('secret'));
  const metrics = await tsuji.metrics();
  assert.match(metrics, new RegExp(`^tsuji_spans_total\\{result="exported"\\} ${collector.spans.length}$`, 'm'));
  assert.match(metrics, /^tsuji_spans_total\{result="dropped"\} 0$/m);
});

test('without tracing every field of a trace passes as it came; at the end spans in JSON go out, whatever the interval', async (t) => {
  const off = await startTsuji(t);
  const host = await addRoute(off, [site]);
  const given = {
    traceparent: 'whatever',
    tracestate: 'a',
    baggage: 'b',
    b3: 'c',
    'x-b3-traceid': 'd',
    'uber-trace-id': 'e',
  };
  const ask = async (port: number, to: string, fields = ''): Promise<void> => {
    const client = await rawClient(t, port);
    client.send(`GET / HTTP/1.1\r\nHost: ${to}\r\n${fields}\r\n`);
    await client.until('site');
  };
  const lines = Object.entries(given).map(([name, value]) => `${name}: ${value}\r\n`);
  await ask(off.port, host, lines.join(''));
  for (const [name, value] of Object.entries(given)) assert.equal(seen[name], value);

  const last = await startCollector(t);
  const json = await startTsuji(t, {
    flags: ['--tracing', '--tracing.otlp.http.encoding=json', `--tracing.otlp.http.endpoint=${last.url}`],
  });
  const there = await addRoute(json, [site]);
  await ask(json.port, there);
  assert.equal(last.spans.length, 0);
  json.child.kill('SIGTERM');
  await waitFor(() => json.exit !== null, 'the end');
  assert.deepEqual(
    last.spans.map(({ kind }) => kind),
    [SERVER, CLIENT],
  );
  assert.equal(last.headers[0]['content-type'], 'application/json');
});

test('OpenMetrics has the last trace that was kept behind its bucket', async () => {
  const { traceId, field } = parent();
  const dropped = parent(false);
  const host = await route();
  await engines.ask('tsuji', { host, fields: { traceparent: field } });
  await engines.ask('tsuji', { host, fields: { traceparent: dropped.field } });
  const ask = async (accept: string): Promise<string> =>
    (await fetch(`http://${OWN_HOST}:${tsuji.adminPort}/metrics`, { headers: { accept } })).text();
  const exemplars = await waitFor(async () => {
    const page = await ask('application/openmetrics-text');
    assert.ok(!page.includes(dropped.traceId));
    const lines = page.split('\n').filter((line) => line.includes(`# {trace_id="${traceId}"} `));
    return lines.length < 2 ? null : lines;
  }, 'two exemplars');
  const service = host.split('.')[0];
  assert.match(exemplars[0], /^traefik_entrypoint_request_duration_seconds_bucket\{.*entrypoint="tsuji",le=/);
  assert.match(
    exemplars[1],
    new RegExp(`^traefik_service_request_duration_seconds_bucket\\{.*service="${service}",le=`),
  );
  for (const line of exemplars) {
    const [, value, time] = /"\} ([\d.e-]+) (\d+\.\d{3})$/.exec(line)!;
    assert.ok(Number(value) < 60 && Math.abs(Date.now() / 1_000 - Number(time)) < 60);
  }
  assert.ok(!(await ask('text/plain')).includes('trace_id'));
});
