/** What HTTP/1 on the engine of our own tells those who ask wrongly, and what it leaves to servers. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji(
  { after },
  {
    workers: 1,
    flags: [
      `--entryPoints=Name:http Address:${OWN_HOST}:0 Engine:tsuji`,
      '--respondingTimeouts.headerTimeout=1s',
      '--logLevel=DEBUG',
    ],
  },
);

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t as never, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

const client = (t: Scope): Promise<RawConnection> => rawClient(t as never, tsuji.port);
const HOST = 'Host: a.test\r\n';

const REFUSED: Record<string, [status: number, text: string, reason: RegExp]> = {
  'no HTTP at all': [400, 'hello\r\n\r\n', /does not begin with a method/],
  'HTTP/0.9': [400, 'GET /\r\n', /without a version/],
  'another version': [505, `GET / HTTP/2.0\r\n${HOST}\r\n`, /not HTTP\/1/],
  'another coding': [501, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`, /transfer coding/],
  'a tunnel to anywhere': [501, `CONNECT a.test:80 HTTP/1.1\r\n${HOST}\r\n`, /CONNECT/],
  'a long target': [414, `GET /${'x'.repeat(66_000)}`, /more than 65536 bytes/],
  'long fields': [431, `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(66_000)}`, /more than 65536 bytes/],
  'many fields': [431, `GET / HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(100)}`, /too many fields/],
  'half a head': [408, 'GET / HTTP/1.1\r\n', /in time/],
};

async function counted(status: number): Promise<number> {
  const lines = (await tsuji.metrics()).matchAll(/^traefik_entrypoint_requests_total\{([^}]*)\} (\d+)$/gm);
  return [...lines].reduce((sum, [, labels, n]) => sum + (labels.includes(`code="${status}"`) ? Number(n) : 0), 0);
}

for (const [what, [status, text, reason]] of Object.entries(REFUSED)) {
  test(`${what} is answered with ${status}, counted, and told of with its reason`, async (t) => {
    const before = await counted(status);
    tsuji.output = '';
    const asking = await client(t);
    asking.send(text);
    const whole = await asking.untilClosed();
    assert.match(whole, new RegExp(`^HTTP/1\\.1 ${status} [^\r]+\r\n.*\r\nConnection: close\r\n`, 's'));
    await waitFor(async () => (await counted(status)) === before + 1, 'it to be counted');
    await waitFor(() => /request refused/.test(tsuji.output), 'the line');
    assert.match(/^.*request refused.*$/m.exec(tsuji.output)![0], reason);
  });
}

exchangeTest('a server is asked whether it wants a body, and its answer is the one that counts', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const asking = await client(t);
  const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`;
  asking.send(head);
  const upstream = await server.next();
  assert.match(await upstream.until('\r\n\r\n'), /\r\nexpect: 100-continue\r\n/);
  assert.equal(asking.received, '');
  upstream.send('HTTP/1.1 100 Continue\r\n\r\n');
  assert.equal(await asking.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
  asking.send('body');
  await upstream.until('body');
  upstream.send(ok('thanks'));
  assert.equal((await response(asking)).body, 'thanks');

  asking.send(head);
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno');
  const refused = await response(asking);
  assert.deepEqual([refused.status, refused.body, refused.fields.get('connection')], [417, 'no', ['close']]);
  await asking.untilClosed();

  // Who says nothing gets the body all the same: its client has waited long enough.
  const impatient = await client(t);
  impatient.send(head);
  const silent = await waitFor(() => server.connections.find((other) => other !== upstream && !other.closed), 'it');
  await silent.until('\r\n\r\n');
  impatient.send('body');
  await silent.until('body');
  silent.send(ok('late'));
  assert.equal((await response(impatient)).body, 'late');
});

exchangeTest(
  'an expectation of the frontend stands in the place of that of the client, who gets its answer here',
  tsuji,
  async (t) => {
    for (const [value, expected] of [
      ['200-ok', ['200-ok']],
      ['', undefined],
    ] as const) {
      const server = await startRawServer(t as never);
      const host = await addRoute(tsuji, [server.url], { 'frontends/$/headers/customrequestheaders/Expect': value });
      const asking = await client(t);
      const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n`;
      asking.send(`${head}Expect: 100-continue\r\n\r\n`);
      assert.equal(await asking.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
      asking.send(`body${head}Expect: other\r\n\r\nmore`);
      const upstream = await server.next();
      for (const body of ['body', 'more']) {
        const got = await request(upstream);
        assert.deepEqual([got.body, got.fields.get('expect')], [body, expected]);
        upstream.send(ok('thanks'));
        assert.equal((await response(asking)).body, 'thanks');
      }
    }
  },
);

exchangeTest('another expectation is passed on; one of HTTP/1.0 is not', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(/\r\nexpect: ([^\r]*)/.exec(head)?.[1] ?? 'none')),
  );
  const asking = await client(t);
  asking.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nExpect: a, b=c\r\n\r\n`);
  assert.equal((await response(asking)).body, 'a, b=c');
  asking.send(`POST / HTTP/1.0\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na`);
  assert.ok((await asking.untilClosed()).endsWith('none'));
});

exchangeTest('the absolute form says which host is asked', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const asking = await client(t);
  asking.send(`GET http://${host}/a HTTP/1.1\r\nHost: other.test\r\n\r\n`);
  const upstream = await server.next();
  const got = await request(upstream);
  assert.deepEqual([got.statusLine, got.fields.get('host')], ['GET /a HTTP/1.1', [host]]);
  upstream.send(ok('a'));
  await response(asking);
});

exchangeTest('a target keeps its bytes beside a field that is no UTF-8', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const asking = await client(t);
  asking.send(Buffer.from(`GET /\xc3\xa4 HTTP/1.1\r\nHost: ${host}\r\nX: \xff\xc3\xa4\r\n\r\n`, 'latin1'));
  const upstream = await server.next();
  const got = await request(upstream);
  assert.deepEqual([got.statusLine, got.fields.get('x')], ['GET /\xc3\xa4 HTTP/1.1', ['\xff\xc3\xa4']]);
  upstream.send(ok('a'));
  await response(asking);
});

/** U+010D and U+010A, whose low bytes are CR and LF, as UTF-8. */
const LINE_END = '\xc4\x8d\xc4\x8a';

exchangeTest('no path and no name becomes a line of its own in a head that is no UTF-8', tsuji, async (t) => {
  const heads: string[] = [];
  const serve = answering((head) => {
    heads.push(head);
    return ok('fine');
  });
  const [site, auth, copy] = await Promise.all([1, 2, 3].map(() => startRawServer(t as never, serve)));
  tsuji.set('backends/copied/servers/s/url', copy.url);
  const name = Buffer.from(LINE_END, 'latin1').toString();
  const hosts = {
    asked: await addRoute(tsuji, [site.url], { 'frontends/$/auth/forward/address': `${auth.url}/` }),
    copied: await addRoute(tsuji, [site.url], { 'frontends/$/mirrors/m/backend': 'copied' }),
    named: await addRoute(tsuji, [site.url], {
      'frontends/$/auth/basic/users': `${name}x-evil:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=`,
      'frontends/$/auth/headerfield': 'X-User',
    }),
    replaced: await addRoute(tsuji, [site.url], { 'frontends/$/routes/path/rule': 'ReplacePath:/new' }),
    stripped: await addRoute(tsuji, [site.url], {
      'frontends/$/routes/path/rule': 'PathPrefixStripRegex:/{any:[^/]*}',
    }),
  };
  const asking = await client(t);
  const credentials = Buffer.from(`${name}x-evil:test`).toString('base64');
  for (const [what, host] of Object.entries(hosts)) {
    for (const path of [`/a${LINE_END}x-evil:b`, '/a%C4%8D%C4%8Ax-evil:b']) {
      heads.length = 0;
      const fields = `Host: ${host}\r\nX: \xff\r\nAuthorization: Basic ${credentials}\r\n`;
      asking.send(Buffer.from(`GET ${path} HTTP/1.1\r\n${fields}\r\n`, 'latin1'));
      assert.equal((await response(asking)).status, 200, what);
      const expected = what === 'asked' || what === 'copied' ? 2 : 1;
      await waitFor(() => heads.length === expected, `what ${what} comes to`);
      for (const head of heads) assert.doesNotMatch(head, /(?:\r|\n|^)x-evil/, `${what}: ${JSON.stringify(head)}`);
    }
  }
});

exchangeTest('a body that is held until it is whole is asked for by ourselves', tsuji, async (t) => {
  const server = await startRawServer(t as never);
  const host = await addRoute(tsuji, [server.url], { 'backends/$/buffering/maxrequestbodybytes': '1000' });
  const asking = await client(t);
  asking.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`);
  assert.equal(await asking.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
  asking.send('body');
  const upstream = await server.next();
  const got = await request(upstream);
  assert.deepEqual([got.body, got.fields.has('expect')], ['body', false]);
  upstream.send(ok('thanks'));
  assert.equal((await response(asking)).body, 'thanks');
});
