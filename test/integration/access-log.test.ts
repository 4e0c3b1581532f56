/** The access log of a real tsuji (shared/spec logs §1–§2): every exchange has one line, whatever becomes of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { ENGINES, isHttp2, isSecure, isUws, startEngines } from '../harness/engines.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient, startRawServer } from '../harness/raw.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { closeFrame, echoing, frame, startWsServer, TEXT, wsClient } from '../harness/websocket.ts';

type Line = Record<string, unknown>;

const folder = temporaryFolder();
after(() => folder.remove());
const BODY = 'a response that is long enough to be compressed '.repeat(40);
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.setHeader('X-Of-Server', 'yes');
    response.setHeader('Content-Type', 'text/plain');
    if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.destroy());
      return;
    }
    response.statusCode = request.url === '/fails' ? 503 : 200;
    response.end(request.url!.startsWith('/long') ? BODY : 'site');
  });
});
const site = await listening({ after }, server);
const path = join(folder.path, 'made/access.log');
const engines = await startEngines(
  { after },
  {
    workers: 2,
    flags: [
      `--accessLog.filePath=${path}`,
      '--accessLog.format=json',
      '--accessLog.fields.headers.names=X-Secret=redact',
      '--respondingTimeouts.headerTimeout=500ms',
    ],
  },
);
const { tsuji } = engines;
const route = (keys: Record<string, string> = {}, urls: readonly string[] = [site]): Promise<string> =>
  addRoute(tsuji, urls, under('frontends/$', keys));
const plain = await route();
const guarded = await route({ basicauth: 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' });
const packed = await route({ compress: 'true' });
const empty = await route({}, []);
const unlogged = await route({ 'observability/accesslogs': 'false' });
const paged = await route({
  'errors/page/backend': 'pages',
  'errors/page/status': '500-599',
  'errors/page/query': '/x',
});
tsuji.create('backends/pages', { 'servers/s1/url': site });
await tsuji.waitForStatus(({ settled, backends }) => settled && backends.some(({ name }) => name === 'pages'), 'pages');

/** Of all files that began as the log. */
function lines(): Line[] {
  const files = readdirSync(join(folder.path, 'made')).map((name) => join(folder.path, 'made', name));
  return files
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** Those whose path is that; once there are as many. */
async function linesOf(mark: string, count = 1): Promise<Line[]> {
  const found = (): Line[] => lines().filter(({ RequestPath }) => String(RequestPath).includes(mark));
  await waitFor(
    () => found().length >= count,
    () => `${count} lines of ${mark}, not ${JSON.stringify(found())}`,
  );
  return found();
}

let marks = 0;
const mark = (): string => `/m${++marks}`;
const has = (line: Line, expected: Line): void => {
  for (const [key, value] of Object.entries(expected))
    assert.deepEqual(line[key], value, `${key} of ${line.RequestPath}`);
};
const DURATIONS = ['Guard', 'Queue', 'Connect', 'Lost', 'FirstByte', 'Data'];

for (const engine of ENGINES) {
  test(`${engine}: an answer of a server has a line with all that is known of it`, async () => {
    const at = mark();
    const fields = { 'user-agent': 'me"<', 'x-secret': 'mine', authorization: 'Basic eA==' };
    await engines.ask(engine, { method: 'POST', host: plain, path: `${at}?a=<b>`, fields, body: Buffer.from('12345') });
    const [line] = await linesOf(at);
    has(line, {
      RequestMethod: 'POST',
      RequestPath: `${at}?a=<b>`,
      RequestProtocol: isHttp2(engine) ? 'HTTP/2.0' : 'HTTP/1.1',
      RequestHost: plain,
      RequestContentSize: 5,
      OriginStatus: 200,
      OriginContentSize: 4,
      DownstreamStatus: 200,
      DownstreamStatusLine: '200 OK',
      DownstreamContentSize: 4,
      Cause: 'ok',
      Tries: 1,
      RetryAttempts: 0,
      ServerName: 's1',
      UpstreamAddr: site.replace('http://', ''),
      UpstreamProtocol: '1.1',
      'request_User-Agent': 'me"<',
      'request_X-Secret': 'REDACTED',
      request_Authorization: 'REDACTED',
      'origin_X-Of-Server': 'yes',
      'downstream_X-Of-Server': 'yes',
      TLSVersion: isSecure(engine) && !isUws(engine) ? '1.3' : undefined,
    });
    assert.match(String(line.RequestId), /^[0-9a-f-]{36}$/);
    assert.equal(typeof line.ClientPort, 'string');
    if (!isUws(engine)) assert.notEqual(line.ClientPort, '0');
    const sum = DURATIONS.reduce((total, name) => total + Number(line[`${name}Duration`] ?? 0), 0);
    assert.equal(sum, line.Duration);
  });

  test(`${engine}: what tsuji answers itself has a line as well, with its cause`, async () => {
    const at = mark();
    await engines.ask(engine, { host: 'nobody.test', path: `${at}/a` });
    await engines.ask(engine, { host: guarded, path: `${at}/b`, fields: { authorization: 'Basic Ym9iOndyb25n' } });
    await engines.ask(engine, { host: guarded, path: `${at}/c`, fields: { authorization: 'Basic Ym9iOnBhc3N3b3Jk' } });
    await engines.ask(engine, { host: empty, path: `${at}/d` });
    const found = await linesOf(at, 4);
    const of = (end: string): Line => found.find(({ RequestPath }) => RequestPath === at + end)!;
    has(of('/a'), { Cause: 'no_route', DownstreamStatus: 404, FrontendName: 'backend not found', Tries: 0 });
    has(of('/b'), { Cause: 'unauthorized', DownstreamStatus: 401, ClientUsername: '-', BackendName: 'Traefik' });
    has(of('/c'), { Cause: 'ok', ClientUsername: 'bob' });
    has(of('/d'), { Cause: 'no_server', DownstreamStatus: 503, OriginStatus: undefined, FrontendName: undefined });
  });

  test(`${engine}: sizes are told before and behind compression`, async () => {
    const fields = { 'accept-encoding': 'gzip' };
    const at = `/long?${mark()}`;
    const { body } = await engines.ask(engine, { host: packed, path: at, fields });
    const [line] = await linesOf(at);
    has(line, { OriginContentSize: BODY.length, DownstreamContentSize: body.length });
    has(line, { 'downstream_Content-Encoding': 'gzip', GzipRatio: BODY.length / body.length });
  });

  test(`${engine}: a response that breaks, and an error page, keep what they are about`, async () => {
    await assert.rejects(engines.ask(engine, { host: plain, path: '/broken' }));
    has((await linesOf('/broken')).at(-1)!, { Cause: 'truncated', DownstreamStatus: 200, ServerName: 's1' });
    await engines.ask(engine, { host: paged, path: '/fails' });
    has((await linesOf('/fails')).at(-1)!, { Cause: 'error_page', DownstreamStatus: 503, OriginStatus: 503 });
  });
}

test('a WebSocket has its line when it ends, with 101 and its bytes', async (t) => {
  const peers = await startWsServer(t, echoing);
  const host = await route({}, [peers.url]);
  for (const engine of ['uws', 'tsuji'] as const) {
    const at = mark();
    const client = await wsClient(t, engines.port(engine), host, { target: at });
    client.ws.send('hello');
    await new Promise((resolve) => client.ws.once('message', resolve));
    client.ws.close();
    const [line] = await linesOf(at);
    has(line, { DownstreamStatus: 101, Cause: 'ok', ServerName: 's1' });
    assert.ok(Number(line.RequestContentSize) >= 5 && Number(line.DownstreamContentSize) >= 5);
  }
});

test('a WebSocket over HTTP/2, and a tunnel of another protocol, have their bytes as well', async (t) => {
  const peers = await startWsServer(t, echoing);
  const host = await route({}, [peers.url]);
  const at = mark();
  const client = connect(`http://${OWN_HOST}:${engines.port('tsuji-h2c')}`);
  t.after(() => client.destroy());
  await once(client, 'remoteSettings');
  const stream = client.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': at,
    ':authority': host,
    'sec-websocket-version': '13',
  });
  const hello = frame(TEXT, 'hello', true);
  const bye = closeFrame(1000, 'bye', true);
  stream.write(hello);
  await once(stream, 'data');
  stream.resume();
  stream.write(bye);
  has((await linesOf(at))[0], {
    DownstreamStatus: 101,
    Cause: 'ok',
    RequestProtocol: 'HTTP/2.0',
    RequestContentSize: hello.length + bye.length,
    DownstreamContentSize: frame(TEXT, 'hello', false).length + closeFrame(1000, 'bye', false).length,
  });

  const other = await startRawServer(t, async (connection) => {
    await connection.until('\r\n\r\n');
    connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n');
    await connection.until('question');
    connection.send('answer!');
    connection.socket.end();
  });
  const otherHost = await route({}, [other.url]);
  const tunnel = await rawClient(t, engines.port('tsuji'));
  tunnel.send(`GET ${at}/other HTTP/1.1\r\nHost: ${otherHost}\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n`);
  await tunnel.until('101');
  tunnel.send('question');
  await tunnel.until('answer!');
  tunnel.socket.end();
  await tunnel.untilClosed();
  const [line] = await linesOf(`${at}/other`);
  has(line, { DownstreamStatus: 101, RequestContentSize: 8, DownstreamContentSize: 7, Cause: 'ok' });
});

test('a slash redirect has a line as well', async () => {
  const at = mark();
  const host = await route({ 'routes/p/rule': `Path:${at}` });
  await engines.ask('uws', { host, path: `${at}/` });
  has((await linesOf(at))[0], { RequestPath: `${at}/`, DownstreamStatus: 301, Cause: 'redirect', Tries: 0 });
});

test('what is no good request has a line, with Engine:tsuji', async (t) => {
  const heads = {
    '/no-host': 'GET /no-host HTTP/1.1\r\n\r\n',
    '/two': 'GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  };
  for (const head of Object.values(heads)) {
    const client = await rawClient(t, engines.port('tsuji'));
    client.send(head);
    await client.until('400');
  }
  for (const at of Object.keys(heads)) has((await linesOf(at))[0], { Cause: 'bad_request', DownstreamStatus: 400 });
  const plainHttp = await rawClient(t, engines.port('tsuji-tls'));
  plainHttp.send('GET /plain HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor(() => lines().some(({ Cause }) => Cause === 'plain_http'), 'plain HTTP on a TLS port');
  const silent = await rawClient(t, engines.port('tsuji'));
  silent.send('GET /slow HTTP/1.1\r\nHo');
  await waitFor(() => lines().some(({ Cause }) => Cause === 'request_timeout'), 'a head that does not end');
});

test('a frontend may keep its requests out of the log', async () => {
  const at = mark();
  await engines.ask('uws', { host: unlogged, path: at });
  await engines.ask('uws', { host: plain, path: `${at}/seen` });
  const found = await linesOf(at);
  assert.deepEqual(
    found.map(({ RequestPath }) => RequestPath),
    [`${at}/seen`],
  );
});

test('rotation under load loses and splits nothing', async () => {
  const at = mark();
  const each = 150;
  const askAll = async (client: number): Promise<void> => {
    for (let i = 0; i < each; i++) await engines.ask('tsuji', { host: plain, path: `${at}/${client}-${i}` });
  };
  const load = Promise.all([0, 1, 2, 3].map(askAll));
  let isOver = false;
  void load.finally(() => {
    isOver = true;
  });
  let turns = 0;
  while (!isOver || turns < 3) {
    renameSync(path, `${path}.${turns++}`);
    tsuji.kill('SIGUSR1');
    await waitFor(() => existsSync(path), 'the new file');
  }
  await load;
  const found = await linesOf(at, 4 * each);
  assert.equal(new Set(found.map(({ RequestPath }) => RequestPath)).size, 4 * each, 'each has one line');
  const counts = lines().map(({ RequestCount }) => RequestCount);
  assert.equal(new Set(counts).size, counts.length, 'no line is there twice');
  for (const name of readdirSync(join(folder.path, 'made'))) {
    const text = readFileSync(join(folder.path, 'made', name), 'utf8');
    assert.ok(text === '' || text.endsWith('\n'), name);
  }
  const metrics = await tsuji.metrics();
  assert.match(metrics, /^tsuji_access_log_dropped_total\{reason="buffer_full"\} 0$/m);
  assert.match(metrics, new RegExp(`^tsuji_access_log_lines_total ${counts.length}$`, 'm'));
});

test('the last lines are written before the end', async () => {
  const at = mark();
  await engines.ask('uws', { host: plain, path: at });
  tsuji.kill('SIGTERM');
  assert.equal((await tsuji.ended()).code, 0);
  assert.equal(lines().filter(({ RequestPath }) => RequestPath === at).length, 1);
});

test('a path that cannot be written is told, and tried again at SIGUSR1; the admin address may have lines; lines beyond the buffer are counted', async (t) => {
  const taken = join(folder.path, 'folder');
  mkdirSync(taken);
  // Nobody reads the pipe: its lines wait, one in the worker.
  const fifo = join(folder.path, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, 'r+');
  t.after(() => closeSync(reader));
  const starting = [
    [`--accessLog.filePath=${taken}`, '--accessLog.format=json', '--accessLog.addInternals'],
    [`--accessLog.filePath=${fifo}`, '--accessLog.bufferingSize=1', '--accessLog.extras=false'],
  ].map((flags) => startTsuji(t, { noWait: true, flags }));
  const [failed, full] = await Promise.all(starting);
  await failed.hasSaid(
    /level=error msg="The access log cannot be written" event=access_log_failed path=\S+folder reason="EISDIR/,
  );
  rmdirSync(taken);
  failed.kill('SIGUSR1');
  await failed.hasSaid(/event=log_reopened log=access path=\S+folder/);
  await failed.metrics();
  await waitFor(() => readFileSync(taken, 'utf8').includes('"RequestPath":"/metrics"'), 'a line of the admin address');
  const [line] = readFileSync(taken, 'utf8').split('\n');
  const told = { EntryPointName: 'admin', Worker: -1, Cause: 'ok', DownstreamStatus: 200, RequestMethod: 'GET' };
  has(JSON.parse(line) as Line, told);
  failed.kill('SIGTERM');
  await failed.ended();
  const dropped = async (): Promise<number> => Number(/buffer_full"\} (\d+)/.exec(await full.metrics())![1]);
  while ((await dropped()) === 0) {
    await Promise.all(
      Array.from({ length: 50 }, () => {
        const options = { host: OWN_HOST, port: full.port, path: `/${'x'.repeat(2_000)}`, agent: false } as const;
        return new Promise((resolve) =>
          get(options, (answer) => answer.resume().on('end', resolve)).on('error', resolve),
        );
      }),
    );
  }
  await full.hasSaid(/event=access_log_lost path=\S+fifo count=\d+ reason=buffer_full/);
});
