/** Error pages and size limits of a frontend, on every engine. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import test, { after } from 'node:test';
import {
  type Ask,
  bytesOf,
  ENGINES,
  type Engine,
  http1Client,
  isHttp2,
  startEngines,
  whole,
} from '../harness/engines.ts';
import { openExchanges, openUpstream } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, startWsServer, wsClient } from '../harness/websocket.ts';

const BIG = Buffer.alloc(3 * 1024 * 1024, 'x');

async function listen(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer!);
  return listening({ after }, server);
}

/** `/STATUS` answers with that status, `/chunked/N` with N bytes without a length. */
const site = await listen((request, response) => {
  request.resume();
  const [, first, second] = request.url!.split('/');
  if (first === 'chunked') response.write('y'.repeat(Number(second)));
  else response.writeHead(Number(first) || 200, { 'x-site': 'yes' }).write(`site says ${first}`);
  request.on('end', () => response.end());
});
let asked: IncomingMessage | null = null;
const pages = await listen((request, response) => {
  asked = request;
  if (request.url === '/big') response.end(BIG);
  else if (request.url === '/torn') response.destroy();
  else response.writeHead(200, { 'x-page': 'yes', 'content-type': 'text/html' }).end(`page ${request.url}`);
});

const engines = await startEngines({ after });
const { tsuji } = engines;
tsuji.set('backends/pages/servers/s/url', pages);
const route = (keys: Record<string, string>, urls = [site]): Promise<string> =>
  addRoute(tsuji, urls, under('frontends/$', keys));
const host = await route({
  'errors/a/status': '500-503,404,418',
  'errors/a/backend': 'pages',
  'errors/a/query': '/{status}.html?from={url}&was={originalStatus}',
  'errors/b/status': '504,5xx',
  'errors/b/backend': 'pages',
  'errors/b/query': 'big',
  'errors/c/status': '410,304',
  'errors/c/backend': 'pages',
  'errors/c/query': '/torn',
});
const empty = await route({ 'errors/a/status': '503', 'errors/a/backend': 'pages', 'errors/a/query': '/none' }, []);
const limited = await route({
  'limits/maxrequestbodybytes': '1000',
  'limits/maxresponsebodybytes': '2000',
  'limits/maxtargetbytes': '40',
});

/** A page for whatever is refused, by the server or before it. */
const fields = {
  'headers/customresponseheaders/X-Page': 'ours',
  'headers/customresponseheaders/X-Own': 'own',
  'headers/contentsecuritypolicy': 'script-src $NONCE',
  'headers/framedeny': 'true',
  'headers/accesscontrolalloworiginlist': 'https://a.test',
  'errors/a/status': '400-599',
  'errors/a/backend': 'pages',
  'errors/a/query': '/{status}',
};
const told = {
  'the server': await route(fields),
  'the allow list, which comes before them': await route({ ...fields, 'whitelist/sourcerange': '10.0.0.0/8' }),
  'the allowed hosts, which are one of them': await route({ ...fields, 'headers/allowedhosts': 'other.test' }),
  'auth, which comes behind them': await route({
    ...fields,
    'auth/basic/users': 'a:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  }),
};
const untold = await route({ ...fields, 'errors/a/query': '/torn' });

async function ask(t: { after(fn: () => unknown): unknown }, engine: Engine, request: Ask) {
  return whole(engines.client(t, engine).ask(request));
}

for (const engine of ENGINES) {
  test(`${engine}: a page of another backend comes in the place of a bad answer, under its status`, async (t) => {
    const fields = { 'x-client': 'c', cookie: 'a=1', range: 'bytes=0-1', 'if-none-match': '"x"' };
    const answer = await ask(t, engine, { host, path: '/503', method: 'POST', body: Buffer.from('hello'), fields });
    assert.equal(answer.status, 503);
    const scheme = engine === 'uws' || engine === 'tsuji' ? 'http' : 'https';
    const from = encodeURIComponent(`${scheme}://${host}/503`);
    assert.equal(answer.body.toString(), `page /503.html?from=${from}&was=503`);
    assert.equal(answer.fields['x-page'], 'yes');
    assert.equal(answer.fields['x-site'], undefined);
    assert.equal(asked!.method, 'GET');
    const { headers } = asked!;
    assert.deepEqual(
      [headers['x-client'], headers.cookie, headers.range, headers['if-none-match'], headers['content-length']],
      ['c', 'a=1', undefined, undefined, undefined],
    );
    assert.equal(headers['x-forwarded-host'], host);
  });

  test(`${engine}: other answers pass as they are, HEAD has no body, and a long page streams`, async (t) => {
    const good = await ask(t, engine, { host, path: '/201' });
    assert.deepEqual([good.status, good.body.toString(), good.fields['x-site']], [201, 'site says 201', 'yes']);
    const head = await ask(t, engine, { host, path: '/500', method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length, head.fields['x-page']], [500, 0, 'yes']);
    const long = await ask(t, engine, { host, path: '/504' });
    assert.deepEqual([long.status, long.body.equals(BIG)], [504, true]);
  });

  test(`${engine}: what stands in the place of an answer to HEAD, or of a 304, ends with its head`, async (t) => {
    if (isHttp2(engine)) {
      // A client of HTTP/2 ends its connection for one byte of a body.
      const client = engines.client(t, engine);
      for (const [method, path] of [
        ['HEAD', '/500'],
        ['HEAD', '/504'],
        ['GET', '/304'],
      ]) {
        const answer = await whole(client.ask({ host, method, path }));
        assert.deepEqual([answer.status, answer.body.length], [Number(path.slice(1)), 0]);
      }
      return;
    }
    const client = await http1Client(t, engines, engine);
    for (const [method, path] of [
      ['HEAD', '/500'],
      ['HEAD', '/504'],
      ['GET', '/304'],
    ]) {
      client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      // A body would stand in front of the next head.
      assert.ok((await client.until('\r\n\r\n')).startsWith(`HTTP/1.1 ${path.slice(1)} `), method);
    }
  });

  test(`${engine}: an answer of ours is replaced as well, and a page that cannot be had is told under the status`, async (t) => {
    const none = await ask(t, engine, { host: empty });
    assert.deepEqual([none.status, none.body.toString()], [503, 'page /none']);
    const torn = await ask(t, engine, { host, path: '/410' });
    assert.deepEqual([torn.status, torn.body.toString()], [410, 'Bad Gateway']);
  });

  test(`${engine}: a page has the response, security and CORS fields of the frontend, whoever has refused`, async (t) => {
    for (const [by, host] of Object.entries(told)) {
      const page = await ask(t, engine, { host, path: '/503', fields: { origin: 'https://a.test' } });
      assert.equal(page.body.toString(), `page /${page.status}`, by);
      const { fields } = page;
      assert.deepEqual([fields['x-page'], fields['x-own'], fields['x-frame-options']], ['ours', 'own', 'DENY'], by);
      assert.match(String(fields['content-security-policy']), /^script-src 'nonce-[\w+/]{22}'$/, by);
      assert.equal(fields['access-control-allow-origin'], 'https://a.test', by);
      assert.equal(fields.vary, 'Origin', by);
    }
    // What we say in the place of a page is an answer of ours.
    const torn = await ask(t, engine, { host: untold, path: '/503', fields: { origin: 'https://a.test' } });
    assert.deepEqual([torn.status, torn.body.toString()], [503, 'Bad Gateway']);
    assert.deepEqual([torn.fields['x-own'], torn.fields['x-frame-options']], [undefined, undefined]);
    assert.equal(torn.fields['access-control-allow-origin'], 'https://a.test');
  });

  test(`${engine}: a client that leaves while its page comes leaves nothing open`, async (t) => {
    const client = engines.client(t, engine);
    const long = client.ask({ host, path: '/504' });
    assert.equal((await long.head).status, 504);
    long.leave();
    client.close();
    await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end');
  });

  test(`${engine}: bodies and targets beyond a limit are refused or broken off`, async (t) => {
    const upload = (length: number): Ask => ({
      host: limited,
      method: 'PUT',
      path: '/200',
      body: Buffer.alloc(length),
    });
    assert.equal((await ask(t, engine, upload(1000))).status, 200);
    const declared = await ask(t, engine, upload(1001));
    assert.deepEqual([declared.status, declared.body.toString()], [413, 'Request Entity Too Large']);
    const open = engines.client(t, engine).ask({ host: limited, method: 'PUT', path: '/200', body: 'open' });
    open.upload.on('error', () => {});
    open.upload.write(Buffer.alloc(900));
    open.upload.write(Buffer.alloc(200));
    await open.head.then(
      ({ status }) => assert.equal(status, 413),
      (error: Error) => assert.match(error.message, /closed|ECONNRESET|ended|hang up/),
    );
    open.leave();
    const long = await ask(t, engine, { host: limited, path: `/${'a'.repeat(60)}` });
    assert.deepEqual([long.status, long.body.toString()], [414, 'URI Too Long']);
    assert.equal((await ask(t, engine, { host: limited, path: '/chunked/2000' })).body.length, 2000);
    const streamed = engines.client(t, engine).ask({ host: limited, path: '/chunked/2001' });
    await streamed.head.then(
      async ({ status }) => {
        if (status !== 502) await assert.rejects(bytesOf(await streamed.body));
      },
      () => {},
    );
    streamed.leave();
  });
}

for (const engine of ['uws', 'tsuji'] as const) {
  test(`${engine}: what flows in a tunnel is no body, and has no limit`, async (t) => {
    const server = await startWsServer(t, echoing);
    const small = { 'frontends/$/limits/maxrequestbodybytes': '10', 'frontends/$/limits/maxresponsebodybytes': '10' };
    const tunnelled = await addRoute(tsuji, [server.url], {
      ...small,
      'backends/$/buffering/maxrequestbodybytes': '10',
    });
    const client = await wsClient(t, engines.port(engine), tunnelled);
    client.ws.send('x'.repeat(100));
    assert.equal((await client.next()).data.length, 100);
  });
}

test('nothing is left open, and wrong options are told under their keys', async () => {
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
  tsuji.set('frontends/bad/backend', 'pages');
  tsuji.set('frontends/bad/errors/p/status', '5oo');
  tsuji.set('frontends/bad/limits/maxrequestbodybytes', '-1');
  tsuji.set('frontends/half/backend', 'pages');
  tsuji.set('frontends/half/routes/r/rule', 'Host:half.test');
  tsuji.set('frontends/half/errors/p/status', '500');
  tsuji.set('frontends/half/errors/p/backend', 'nobody');
  const reasonOf = async (key: string): Promise<string | undefined> =>
    (await tsuji.status()).problems.find((problem) => problem.key.endsWith(key))?.reason;
  await waitFor(async () => (await reasonOf('half/errors/p/backend')) !== undefined, 'the problems');
  assert.equal(await reasonOf('bad/errors/p/status'), '"5oo" is no status and no range like 500-599');
  assert.equal(await reasonOf('bad/limits/maxrequestbodybytes'), '"-1" is no number of bytes');
  assert.match((await reasonOf('half/errors/p/backend'))!, /there is no backend "nobody"/);
  assert.equal((await tsuji.api('/api/providers/folder/frontends/bad')).status, 404);
  tsuji.set('backends/nobody/servers/s/url', pages);
  await waitFor(async () => (await reasonOf('half/errors/p/backend')) === undefined, 'the page to have its backend');
  const shown = (await (await tsuji.api('/api/providers/folder/frontends/half')).json()) as { errors: object };
  assert.deepEqual(shown.errors, { p: { status: ['500'], backend: 'nobody' } });
  await waitFor(async () => (await openUpstream(tsuji)) <= 60, 'connections to be kept or closed');
});
