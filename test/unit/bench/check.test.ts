import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { checkAnswers, checkEcho, checkForwarding } from '../../../bench/check.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const FIELDS = { Host: 'nginx.example.com' };

test('answers of the right length from servers that take turns pass', async (t) => {
  let asked = 0;
  const port = await serve(t, (_request, response) => {
    response.setHeader('X-Server', String(asked++ % 3));
    response.end('hello');
  });
  assert.equal(await checkAnswers({ port, path: '/', fields: FIELDS, bodyBytes: 0, length: 5 }), null);
});

test('a server that is asked twice in a row, a wrong length and a wrong status are told', async (t) => {
  const port = await serve(t, (request, response) => {
    if (request.url === '/500') response.statusCode = 500;
    response.setHeader('X-Server', 'one');
    response.end('hello');
  });
  const what = { port, fields: FIELDS, bodyBytes: 0, length: 5 };
  assert.match((await checkAnswers({ ...what, path: '/' }))!, /does not alternate: one one/);
  assert.equal(await checkAnswers({ ...what, path: '/', length: 6 }), 'sent 5 bytes instead of 6');
  assert.equal(await checkAnswers({ ...what, path: '/500' }), 'answered 500');
});

test('a proxy whose routes come a moment after its listener is waited for', async (t) => {
  let asked = 0;
  const port = await serve(t, (_request, response) => {
    if (asked++ < 3) response.statusCode = 404;
    response.setHeader('X-Server', String(asked % 3));
    response.end('hello');
  });
  assert.equal(await checkAnswers({ port, path: '/', fields: FIELDS, bodyBytes: 0, length: 5 }), null);
});

test('a body is sent whole', async (t) => {
  let asked = 0;
  const port = await serve(t, async (request, response) => {
    let received = 0;
    for await (const chunk of request) received += (chunk as Buffer).length;
    response.setHeader('X-Server', String(asked++ % 2));
    response.end(`received ${received}`);
  });
  const length = 'received 300000'.length;
  assert.equal(await checkAnswers({ port, path: '/', fields: FIELDS, bodyBytes: 300_000, length }), null);
});

test('missing forwarded fields, a changed Host and unused server connections are told', async (t) => {
  const good = { for: '127.0.0.1', proto: 'http', host: 'x', name: 'nginx.example.com', reused: 7 };
  let seen: object = good;
  const port = await serve(t, (_request, response) => response.end(JSON.stringify(seen)));
  const check = () => checkForwarding({ port, path: '/', fields: FIELDS });
  assert.equal(await check(), null);
  seen = { ...good, for: '', proto: '' };
  assert.equal(await check(), 'forwards no X-Forwarded-for, X-Forwarded-proto');
  seen = { ...good, name: '127.0.0.1:1' };
  assert.equal(await check(), 'changes Host to 127.0.0.1:1');
  seen = { ...good, reused: 1 };
  assert.match((await check())!, /new connection/);
});

test('an upgrade that is refused is told with its status', async (t) => {
  const port = await serve(t, (_request, response) => {
    response.statusCode = 501;
    response.end();
  });
  assert.equal(await checkEcho({ port, path: '/', fields: FIELDS }), 'answered an upgrade with 501');
});
