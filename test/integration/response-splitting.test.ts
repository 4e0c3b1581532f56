/**
 * No bytes of a server become a second response or another field for a client, and no bytes that a server sends unasked
 * become the answer to the next request on its connection ("response queue poisoning").
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });
/** The same, with several requests in flight on one connection. */
const pipelining = await startTsuji({ after }, { workers: 1, flags: ['--upstream.pipelining=4'] });

const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nX-Poison: yes\r\n\r\npoisoned';

async function setUp(t: Scope, through = tsuji): Promise<{ host: string; server: RawServer; client: RawConnection }> {
  const server = await startRawServer(t);
  const host = await addRoute(through, [server.url]);
  return { host, server, client: await rawClient(t, through.port) };
}

function get(host: string, target = '/', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
}

const SPLITTING: Record<string, string> = {
  'a bare CR in a value': 'HTTP/1.1 200 OK\r\nX: a\rInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a CR before CRLF': 'HTTP/1.1 200 OK\r\nX: a\r\r\nInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a CR at the beginning of a value': 'HTTP/1.1 200 OK\r\nX:\rInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a NUL in a value': 'HTTP/1.1 200 OK\r\nX: a\0\r\nInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'an escape in a value': 'HTTP/1.1 200 OK\r\nX: \x1b[2J\r\nInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a vertical tab in a value': 'HTTP/1.1 200 OK\r\nX: a\x0bInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a bare CR in the reason': 'HTTP/1.1 200 OK\rInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a NUL in the reason': 'HTTP/1.1 200 O\0K\r\nInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a folded line first': 'HTTP/1.1 200 OK\r\n Injected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a name with a blank': 'HTTP/1.1 200 OK\r\nInjected x: 1\r\nContent-Length: 2\r\n\r\nok',
  'a blank before a colon': 'HTTP/1.1 200 OK\r\nInjected : 1\r\nContent-Length: 2\r\n\r\nok',
  'a name with a CR': 'HTTP/1.1 200 OK\r\nX\rInjected: 1\r\nContent-Length: 2\r\n\r\nok',
  'a name above ASCII': 'HTTP/1.1 200 OK\r\nInj\xe9cted: 1\r\nContent-Length: 2\r\n\r\nok',
  'an empty name': 'HTTP/1.1 200 OK\r\n: Injected\r\nContent-Length: 2\r\n\r\nok',
  'a line without a colon': 'HTTP/1.1 200 OK\r\nInjected\r\nContent-Length: 2\r\n\r\nok',
  'a length with a no-break space': 'HTTP/1.1 200 OK\r\nContent-Length: \xa02\r\nInjected: 1\r\n\r\nok',
  'a length with a sign': 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\nInjected: 1\r\n\r\nok',
  'two different lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 200\r\nInjected: 1\r\n\r\nok',
  'a coding that only looks chunked':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\x0b\r\nInjected: 1\r\n\r\n0\r\n\r\n',
  'HTTP/0.9': 'Injected\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/2': 'HTTP/2.0 200 OK\r\nInjected: 1\r\nContent-Length: 2\r\n\r\nok',
};

for (const [what, bytes] of Object.entries(SPLITTING)) {
  exchangeTest(`a response is refused whole that has ${what}`, tsuji, async (t) => {
    const { host, server, client } = await setUp(t);
    client.send(get(host));
    const upstream = await server.next();
    await request(upstream);
    upstream.send(bytes);
    const { status, fields, body } = await response(client);
    assert.equal(status, 502);
    assert.doesNotMatch(JSON.stringify([...fields, body]), /inj/i);
    await upstream.untilClosed();
    client.send(get(host, '/next'));
    const next = await server.next();
    await request(next);
    next.send(ok('next'));
    assert.equal((await response(client)).body, 'next');
    assert.equal(client.received, '');
  });
}

exchangeTest('a bare LF ends a line of a response and a folded line goes on: clients see neither', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  for (const bytes of [
    'HTTP/1.1 200 OK\nX: a\nY: b\nContent-Length: 2\n\nok',
    'HTTP/1.1 200 OK\r\nX: a\nY:\r\n b\r\nContent-Length:\r\n\t2\r\n\r\nok',
  ]) {
    client.send(get(host));
    const upstream = server.connections.length === 0 ? await server.next() : server.connections[0];
    await request(upstream);
    upstream.send(bytes);
    const got = await response(client);
    assert.deepEqual([got.status, got.fields.get('x'), got.fields.get('y'), got.body], [200, ['a'], ['b'], 'ok']);
  }
});

exchangeTest('bytes above ASCII in a response stay bytes and end no line', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  client.send(get(host));
  const upstream = await server.next();
  await request(upstream);
  // U+010D U+010A, U+2028 and NEL: with their high bytes lost they would be CR, LF, and line ends.
  const value = '\xc4\x8d\xc4\x8aInjected: 1\xe2\x80\xa8\x85\xff';
  upstream.send(ok('ok', `X: ${value}\r\n`));
  const { fields, body } = await response(client);
  assert.deepEqual(fields.get('x'), [value]);
  assert.equal(fields.has('injected'), false);
  assert.equal(body, 'ok');
});

type Surplus = { what: string; method?: string; sent: string; body: string; status?: number };

const SURPLUS: readonly Surplus[] = [
  { what: 'a response with a length', sent: ok('mine'), body: 'mine' },
  { what: 'an empty response', sent: ok(''), body: '' },
  {
    what: 'a chunked response',
    sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n',
    body: 'mine',
  },
  { what: 'a response to HEAD', method: 'HEAD', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n', body: '' },
  { what: 'a 204', sent: 'HTTP/1.1 204 No Content\r\n\r\n', body: '', status: 204 },
  { what: 'a 304', sent: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n', body: '', status: 304 },
  {
    what: 'a length and a coding',
    sent: 'HTTP/1.1 200 OK\r\nContent-Length: 900\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    body: '',
  },
];

for (const through of [tsuji, pipelining]) {
  const mode = through === tsuji ? '' : ', with pipelining';
  for (const { what, method = 'GET', sent, body, status = 200 } of SURPLUS) {
    for (const together of [true, false]) {
      const title = `bytes behind ${what} are nobody's answer, ${together ? 'in one packet' : 'in a later packet'}${mode}`;
      exchangeTest(title, through, async (t) => {
        const { host, server, client } = await setUp(t, through);
        // Another one first, so that the connection is a kept one.
        client.send(get(host, '/first'));
        const upstream = await server.next();
        await request(upstream);
        upstream.send(ok('first'));
        assert.equal((await response(client)).body, 'first');
        client.send(get(host, '/mine', method));
        await request(upstream);
        upstream.send(together ? sent + POISON : sent);
        const mine = await response(client, method);
        assert.equal(mine.status, status);
        assert.equal(mine.body, body);
        if (!together) upstream.send(POISON);
        await upstream.untilClosed();
        client.send(get(host, '/next'));
        const next = await server.next();
        assert.match((await request(next)).statusLine, /^GET \/next /);
        next.send(ok('next'));
        assert.equal((await response(client)).body, 'next');
        assert.equal(client.received, '');
      });
    }
  }

  exchangeTest(
    `an answer that nobody asked for ends its idle connection, whatever it is${mode}`,
    through,
    async (t) => {
      const { host, server, client } = await setUp(t, through);
      for (const bytes of [
        '\r\n',
        '0',
        POISON,
        'HTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 408 Request Timeout\r\n\r\n',
      ]) {
        client.send(get(host));
        const upstream = await server.next();
        await request(upstream);
        upstream.send(ok('ok'));
        assert.equal((await response(client)).body, 'ok');
        upstream.send(bytes);
        await upstream.untilClosed();
      }
      assert.equal(client.received, '');
    },
  );

  exchangeTest(`a switch of protocols that nobody asked for reaches no client${mode}`, through, async (t) => {
    const { host, server, client } = await setUp(t, through);
    client.send(get(host));
    const upstream = await server.next();
    await request(upstream);
    upstream.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n${POISON}`);
    const { status, fields } = await response(client);
    assert.equal(status, 502);
    assert.equal(fields.has('upgrade'), false);
    assert.equal(client.received, '');
    await upstream.untilClosed();
  });
}

exchangeTest('what comes for a client that has left is no answer for the next one', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  client.send(get(host, '/left'));
  const upstream = await server.next();
  await request(upstream);
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun');
  await client.until('begun');
  client.destroy();
  await waitFor(() => upstream.ended || upstream.closed, 'the connection to be given up');
  upstream.send(POISON);
  const other = await rawClient(t, tsuji.port);
  other.send(get(host, '/other'));
  const next = await server.next();
  assert.match((await request(next)).statusLine, /^GET \/other /);
  next.send(ok('other'));
  assert.equal((await response(other)).body, 'other');
});
