/** Health checks of real servers by a real tsuji (kv-schema §4.5). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import test, { after } from 'node:test';
import { exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { makeAuthority, makeCertificate, startTlsServer } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const authority = await makeAuthority(folder.path, 'authority');
const here = await makeCertificate(folder.path, authority, 'here', `DNS:localhost,IP:127.0.0.1,IP:${OWN_HOST}`);
const tsuji = await startTsuji(
  { after },
  { workers: 2, flags: ['--healthCheck.interval=50ms', `--rootCAs=${authority.cert}`, '--retry'] },
);

type Found = { backend: string; server: string; state: string; reason: string; checks: number };

async function checksOf(host: string): Promise<Found[]> {
  const { healthChecks } = (await tsuji.status()) as unknown as { healthChecks: Found[] };
  return healthChecks.filter(({ backend }) => `${backend}.test` === host);
}

async function untilStates(host: string, ...states: string[]): Promise<Found[]> {
  let found: Found[] = [];
  await waitFor(
    async () => {
      found = await checksOf(host);
      return found.map(({ state }) => state).join() === states.join();
    },
    () => `${states} but found ${JSON.stringify(found)}`,
  );
  return found;
}

async function bodies(t: Scope, host: string, count: number): Promise<string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) {
    const client = await rawClient(t, tsuji.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const { status, body } = await response(client);
    got.push(status === 200 ? body : `${status} ${body}`);
  }
  return got;
}

/** A server whose checks are answered with what stands in `health` now. */
async function checked(t: Scope, name: string) {
  const one = { url: '', health: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', heads: [] as string[] };
  const server = await startRawServer(
    t,
    answering((head) => {
      if (!head.startsWith('GET /health')) return ok(name);
      one.heads.push(head);
      return one.health;
    }),
  );
  one.url = server.url;
  return one;
}

const BAD = 'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n';
const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

exchangeTest('a server whose check fails gets nothing more on any worker, until it is good again', tsuji, async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')];
  const host = await addRoute(tsuji, [a.url, b.url], {
    'backends/$/healthcheck/path': '/health',
    'backends/$/healthcheck/hostname': 'check.example.com',
    'backends/$/healthcheck/headers/X-Who': 'tsuji',
  });
  await untilStates(host, 'up', 'up');
  assert.deepEqual((await bodies(t, host, 6)).sort(), ['a', 'a', 'a', 'b', 'b', 'b']);
  a.health = BAD;
  const found = await untilStates(host, 'down', 'up');
  assert.equal(found[0].reason, 'status 500');
  assert.deepEqual(await bodies(t, host, 8), Array(8).fill('b'));
  const name = host.replace('.test', '');
  const page = await tsuji.metrics();
  assert.match(page, new RegExp(`traefik_service_server_up\\{service="${name}",url="${a.url}"\\} 0\n`));
  assert.match(page, new RegExp(`traefik_service_server_up\\{service="${name}",url="${b.url}"\\} 1\n`));

  // Nothing but another path is changed: who was down stays down all the time.
  tsuji.set(`backends/${name}/servers/s1/weight`, '2');
  tsuji.set(`backends/${name}/healthcheck/path`, '/health2');
  await waitFor(() => a.heads.some((head) => head.startsWith('GET /health2 ')), 'the new path to be asked for');
  assert.deepEqual(await bodies(t, host, 4), Array(4).fill('b'));

  b.health = BAD;
  await untilStates(host, 'down', 'down');
  assert.deepEqual(await bodies(t, host, 2), Array(2).fill('503 Service Unavailable'));
  a.health = GOOD;
  await untilStates(host, 'up', 'down');
  assert.deepEqual(await bodies(t, host, 4), Array(4).fill('a'));
  assert.match(a.heads[0], /^GET \/health HTTP\/1.1\r\n/);
  assert.match(a.heads[0], /\r\nHost: check\.example\.com\r\n/i);
  assert.match(a.heads[0], /\r\nX-Who: tsuji\r\n/i);
  assert.match(a.heads[0], /\r\nConnection: close\r\n/i);
  assert.match(
    tsuji.output,
    new RegExp(
      `level=warning msg="A server is down" event=server_down backend=${name} .*took_ms=\\d+ reason="status 500" fails=\\d+ up_of=\\d/\\d`,
    ),
  );
  assert.match(tsuji.output, new RegExp(`level=warning msg="A server is up again" event=server_up backend=${name} `));
});

exchangeTest('redirects are followed, and the last answer decides', tsuji, async (t) => {
  const elsewhere = await checked(t, 'elsewhere');
  const answers: readonly (readonly [answer: string, state: string, reason: RegExp])[] = [
    [`HTTP/1.1 302 Found\r\nLocation: ${elsewhere.url}/health\r\nContent-Length: 0\r\n\r\n`, 'up', /^$/],
    ['HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n', 'down', /^status 302 without Location$/],
    ['HTTP/1.1 307 Go\r\nContent-Length: 0\r\n\r\n', 'up', /^$/],
    ['HTTP/1.1 301 Go\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n', 'down', /^more than 10 redirects$/],
    ['HTTP/1.1 399 Odd\r\nContent-Length: 0\r\n\r\n', 'up', /^$/],
    ['HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n', 'down', /^status 400$/],
    ['nonsense\r\n\r\n', 'down', /Parse Error/],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nlate', 'up', /^$/],
  ];
  const servers = await Promise.all(answers.map(() => checked(t, 's')));
  for (const [i, [answer]] of answers.entries()) servers[i].health = answer;
  const host = await addRoute(
    tsuji,
    servers.map(({ url }) => url),
    { 'backends/$/healthcheck/path': '/health' },
  );
  const found = await untilStates(host, ...answers.map(([, state]) => state));
  for (const [i, [, , reason]] of answers.entries()) assert.match(found[i].reason, reason);
});

exchangeTest(
  'https servers are believed as when requests are forwarded, and asked in HTTP/2 as they like it; h2c servers always',
  tsuji,
  async (t) => {
    const trusted = await startTlsServer(
      t,
      here,
      answering(() => ok('hello')),
    );
    const strange = await startTlsServer(
      t,
      authority,
      answering(() => ok('hello')),
    );
    const http2 = createHttp2Server((_, answer) => answer.end('hello'));
    const h2c = (await listening(t, http2)).replace('http:', 'h2c:');
    const asked: string[] = [];
    const only2 = createSecureServer(
      { cert: readFileSync(here.cert), key: readFileSync(here.key), allowHTTP1: false },
      ({ httpVersion, authority, url }, answer) => {
        asked.push(`${httpVersion} ${url} ${authority.replace(/.*:/, '')}`);
        answer.writeHead(url === '/health' ? 302 : 204, url === '/health' ? { location: '/well' } : {}).end();
      },
    );
    const secure = (await listening(t, only2)).replace('http:', 'https:');
    const urls = [trusted.url('localhost'), trusted.url('127.0.0.1'), strange.url('localhost'), h2c, secure];
    const host = await addRoute(tsuji, urls, { 'backends/$/healthcheck/path': '/health' });
    const found = await untilStates(host, 'up', 'up', 'down', 'up', 'up');
    const { port } = new URL(secure);
    assert.deepEqual(asked.slice(0, 2), [`2.0 /health ${port}`, `2.0 /well ${port}`]);
    assert.notEqual(found[2].reason, '');
  },
);

exchangeTest(
  'who does not answer in time or at all is down, and startdown keeps requests from it at first',
  tsuji,
  async (t) => {
    const silent = await startRawServer(t);
    const gone = await startRawServer(t);
    const { url } = gone;
    gone.close();
    const host = await addRoute(tsuji, [silent.url, url], {
      'backends/$/healthcheck/path': '/health',
      'backends/$/healthcheck/timeout': '300ms',
      'backends/$/healthcheck/startdown': 'true',
    });
    assert.deepEqual(await bodies(t, host, 1), ['503 Service Unavailable']);
    const found = await waitFor(async () => {
      const now = await checksOf(host);
      return now.every(({ checks }) => checks > 0) ? now : null;
    }, 'the first checks');
    assert.deepEqual(
      found.map(({ state }) => state),
      ['down', 'down'],
    );
    assert.equal(found[0].reason, 'no answer within 0.3 s');
    assert.match(found[1].reason, /ECONNREFUSED/);
  },
);

test('the API shows a check as Traefik does, and a bad key costs itself only', async (t) => {
  const server = await checked(t, 's');
  const host = await addRoute(tsuji, [server.url], {
    'backends/$/healthcheck/path': '/health',
    'backends/$/healthcheck/interval': '10',
    'backends/$/healthcheck/port': 'http',
    'backends/$/healthcheck/headers/x-a': '1',
  });
  const name = host.replace('.test', '');
  const { healthCheck } = (await (await tsuji.api(`/api/providers/folder/backends/${name}`)).json()) as {
    healthCheck: unknown;
  };
  assert.deepEqual(healthCheck, { path: '/health', interval: '50ms', headers: { 'X-A': 'REDACTED' } });
  const { problems } = (await tsuji.status()) as unknown as { problems: { key: string; state: string }[] };
  assert.deepEqual(
    problems
      .filter(({ key }) => key.includes(`/${name}/`))
      .map(({ key, state }) => [key.split('/healthcheck/')[1], state]),
    [
      ['interval', 'defaulted'],
      ['port', 'defaulted'],
    ],
  );
});
