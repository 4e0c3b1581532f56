/** What would become of a request is what becomes of it; and asking for it changes nothing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import test, { after } from 'node:test';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import type { Explanation } from '../../src/control/explain/explanation.ts';
import type { KeyStatus } from '../../src/control/keys/key-status.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { run, startEtcd } from '../harness/tools.ts';
import { MAIN, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const seen: string[] = [];
const held: ServerResponse[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.headers.host} ${request.url}`);
  if (request.url === '/held') held.push(response);
  else response.end(request.url);
});
await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
after(() => server.close());
const { port } = server.address() as { port: number };

const random = fc.sample(
  fc.record({
    host: fc.constantFrom('Host:a.test', 'Host:b.test,c.test', 'HostRegexp:{s:[a-c]}.test', 'Host:d.test'),
    path: fc.constantFrom('', 'PathPrefix:/x', 'Path:/x/y', 'PathPrefixStrip:/x', 'PathPrefix:/{n:[0-9]+}', 'Path:/z/'),
    more: fc.constantFrom('', 'Method:POST', 'Headers:X-A,1', 'Query:q={v:[0-9]+}', 'HeadersRegexp:X-A,^[12]$'),
    priority: fc.constantFrom('', '', '5', '40'),
  }),
  { numRuns: 60, seed: 14 },
);

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const HA1 = md5('ann:traefik:test');
const JWT_SECRET = Buffer.alloc(32, 'k');

const keys: Record<string, string> = {
  'backends/b/servers/s1/url': `http://${OWN_HOST}:${port}`,
  'backends/b/servers/s2/url': `http://${OWN_HOST}:${port}/`,
  'backends/b/servers/s2/weight': '3',
  'backends/none/servers/s1/weight': '1',
  'frontends/limited/backend': 'b',
  'frontends/limited/routes/r/rule': 'Host:limited.test',
  'frontends/limited/ratelimit/extractorfunc': 'client.ip',
  'frontends/limited/ratelimit/rateset/r/period': '3600',
  'frontends/limited/ratelimit/rateset/r/average': '1',
  'frontends/limited/ratelimit/rateset/r/burst': '1',
  'frontends/guarded/backend': 'b',
  'frontends/guarded/routes/r/rule': 'Host:guarded.test;PathPrefixStrip:/in;AddPrefix:/out',
  'frontends/guarded/whitelist/sourcerange': '127.0.0.0/8',
  'frontends/guarded/headers/customrequestheaders/X-Api-Key': 'hidden-secret',
  'frontends/guarded/auth/basic/users': 'ann:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/',
  'frontends/digest/backend': 'b',
  'frontends/digest/routes/r/rule': 'Host:digest.test',
  'frontends/digest/auth/digest/users': `ann:traefik:${HA1}`,
  'frontends/token/backend': 'b',
  'frontends/token/routes/r/rule': 'Host:token.test',
  'frontends/token/jwt/secret': JWT_SECRET.toString('base64url'),
  'frontends/token/jwt/claims/role': 'admin',
  'frontends/asked/backend': 'b',
  'frontends/asked/routes/r/rule': 'Host:asked.test',
  'frontends/asked/auth/forward/address': `http://${OWN_HOST}:${port}/auth?key=hidden-secret`,
  'backends/full/servers/s1/url': `http://${OWN_HOST}:${port}`,
  'backends/full/maxconn/amount': '1',
  'backends/full/maxconn/extractorfunc': 'request.header.X-Api-Key',
  'frontends/full/backend': 'full',
  'frontends/full/routes/r/rule': 'Host:full.test',
  'backends/queue/servers/s1/url': `http://${OWN_HOST}:${port}`,
  'backends/queue/maxconn/amount': '1',
  'backends/queue/maxconn/queue': '1',
  'backends/queue/timeouts/queue': '20s',
  'frontends/queue/backend': 'queue',
  'frontends/queue/routes/r/rule': 'Host:queue.test',
  'backends/shut/servers/s1/url': `http://${OWN_HOST}:${port}`,
  'backends/shut/maxconn/amount': '-1',
  'backends/shut/failover/backend': 'b',
  'backends/shut/failover/status': '429',
  'frontends/shut/backend': 'shut',
  'frontends/shut/routes/r/rule': 'Host:shut.test',
  'backends/dead/servers/s1/url': 'http://127.0.0.1:1',
  'frontends/dead/backend': 'dead',
  'frontends/dead/routes/r/rule': 'Host:dead.test',
  'backends/checked/servers/s1/url': 'http://127.0.0.1:1',
  'backends/checked/healthcheck/path': '/',
  'frontends/checked/backend': 'checked',
  'frontends/checked/routes/r/rule': 'Host:checked.test',
  'frontends/empty/backend': 'none',
  'frontends/empty/routes/r/rule': 'Host:empty.test',
  'frontends/wrong/backend': 'b',
  'frontends/wrong/routes/r/rule': 'Hots:wrong.test',
};
for (const [i, { host, path, more, priority }] of random.entries()) {
  const rule = [host, path, more].filter((part) => part !== '').join(';');
  keys[`frontends/r${i}/backend`] = 'b';
  keys[`frontends/r${i}/routes/r/rule`] = rule;
  keys[`frontends/r${i}/headers/customresponseheaders/X-Frontend`] = `r${i}`;
  if (priority !== '') keys[`frontends/r${i}/priority`] = priority;
}

const etcd = await startEtcd({ enableV2: false });
after(() => etcd.stop());
const puts = Object.entries(keys).map(([key, value]) => `put /traefik/${key} -- ${JSON.stringify(value)}`);
for (let i = 0; i < puts.length; i += 100) {
  await run('etcdctl', ['--endpoints', etcd.url, 'txn', '--interactive=false'], {
    env: { ETCDCTL_API: '3' },
    input: `\n${puts.slice(i, i + 100).join('\n')}\n\n\n`,
  });
}
const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`];
const tsuji = await startTsuji({ after }, { flags });

async function put(key: string, value: string): Promise<number> {
  const answer = await etcd.ctl(3, 'put', '-w', 'json', `/traefik/${key}`, value);
  return (JSON.parse(answer) as { header: { revision: number } }).header.revision;
}

async function explain(asked: object): Promise<Explanation> {
  const response = await fetch(`http://${OWN_HOST}:${tsuji.adminPort}/api/explain`, {
    method: 'POST',
    body: JSON.stringify(asked),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Explanation;
}

type Asked = { method: string; host: string; path: string; headers: Record<string, string> };

/** What a request without credentials is told. */
function challengeOf(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: OWN_HOST, port: tsuji.port, headers: { host } }, (response) => {
      response.resume();
      resolve(response.headers['www-authenticate'] ?? '');
    })
      .on('error', reject)
      .end();
  });
}

/** Status, and the frontend where it came to one. */
function ask({ method, host, path, headers }: Asked): Promise<{ status: number; frontend: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: OWN_HOST, port: tsuji.port, method, path, headers: { host, ...headers } };
    httpRequest(options, (response) => {
      response.resume();
      const { statusCode: status = 0, headers: fields } = response;
      response.on('end', () => resolve({ status, frontend: (fields['x-frontend'] as string | undefined) ?? '' }));
    })
      .on('error', reject)
      .end();
  });
}

const requests = fc.sample(
  fc.record({
    method: fc.constantFrom('GET', 'POST'),
    host: fc.constantFrom('a.test', 'B.TEST:80', 'c.test', 'd.test', 'nobody.test', 'limited..test'),
    path: fc.constantFrom('/', '/x', '/x/y', '/x/y/', '/%78/y', '/17?q=1', '/x?q=12', '/z', '/z/', '/q?q=a'),
    headers: fc.constantFrom<Record<string, string>>({}, { 'X-A': '1' }, { 'X-A': '2' }),
  }),
  { numRuns: 250, seed: 7 },
);

test('a request gets the frontend, or the answer, that was told of it, for 250 of them', async () => {
  for (const each of requests) {
    const told = await explain({ ...each });
    const { status, frontend } = await ask(each);
    const what = JSON.stringify({ each, short: told.short });
    assert.equal(told.reply?.status ?? 200, status, what);
    if (told.served) assert.equal(told.frontend, frontend, what);
  }
});

test('nothing is sent, and no turn or token is taken', async () => {
  const before = seen.length;
  for (let i = 0; i < 5; i++) {
    const { served, certain, steps } = await explain({ url: 'http://limited.test/' });
    assert.deepEqual([served, certain], [true, true]);
    const servers = steps.find(({ name }) => name === 'server')!.servers!;
    assert.deepEqual(
      servers.map(({ chance }) => chance),
      [0.25, 0.75],
    );
  }
  assert.equal(seen.length, before);
  const limited = { method: 'GET', host: 'limited.test', path: '/', headers: {} };
  assert.equal((await ask(limited)).status, 200);
  assert.equal((await ask(limited)).status, 429);
  const { short, steps } = await explain({ url: 'http://limited.test/' });
  assert.equal(short, 'frontend limited -> 429 (rate_limited)');
  assert.match(steps[2].middlewares![0].does[0], /^the source "[\d.]+" has used up what it may ask/);
  assert.equal((await explain({ url: 'http://limited.test/', client: '10.0.0.9' })).served, true);
});

test('each middleware says what it would do, with the keys and revisions that it comes from, and no secret', async () => {
  const { steps, sent, short } = await explain({ url: 'http://guarded.test/in/x?y', client: '127.0.0.9' });
  assert.match(short, /^frontend guarded -> 401 \(unauthorized\)$/);
  const passed = steps.find(({ name }) => name === 'middlewares')!.middlewares!;
  assert.deepEqual(
    passed.map(({ kind }) => kind),
    ['modifiers', 'whiteList', 'headers', 'auth'],
  );
  assert.deepEqual(passed[0].does, ['the target becomes "/out/x?y"', 'sets x-forwarded-prefix: "/in"']);
  assert.equal(passed[0].keys[0].key, '/traefik/frontends/guarded/routes/r/rule');
  assert.ok(passed[0].keys[0].revision! > 0);
  assert.equal(sent, null);
  const asked = {
    url: 'http://guarded.test/in/x',
    headers: { Authorization: `Basic ${Buffer.from('ann:test').toString('base64')}` },
  };
  const allowed = await explain(asked);
  assert.deepEqual([allowed.served, allowed.certain], [true, true]);
  assert.match(allowed.sent!.head, /^GET \/out\/x HTTP\/1\.1\r\nhost: guarded\.test\r\n/);
  const all = JSON.stringify(allowed);
  for (const secret of ['hidden-secret', 'apr1', 'YW5uOnRlc3Q']) assert.ok(!all.includes(secret), secret);
});

/** What the last middleware of its frontend does, and the whole in short. */
async function judged(url: string, authorization: string): Promise<string> {
  const { short, steps, certain } = await explain({ url, headers: { authorization } });
  const passed = steps.find(({ name }) => name === 'middlewares')!.middlewares!;
  return `${passed.at(-1)!.does[0]} | ${short}${certain ? '' : ' ?'}`;
}

test('a password, a digest and a token that come with it are judged, and nothing is used up by that', async () => {
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
  const guarded = 'http://guarded.test/in/x';
  assert.match(
    await judged(guarded, basic('ann:no')),
    /^the password of "ann" is another one \| .* 401 \(unauthorized\)$/,
  );
  assert.match(await judged(guarded, basic('bob:test')), /^nobody here has the name "bob" \| .* 401/);
  assert.match(await judged(guarded, basic('ann:test')), /^lets "ann" on: the password is right \| .* backend b/);

  const challenge = await challengeOf('digest.test');
  const [nonce, opaque] = ['nonce', 'opaque'].map((field) => new RegExp(`${field}="([^"]+)"`).exec(challenge)![1]);
  const digest = (ha1: string): string => {
    const response = md5(`${ha1}:${nonce}:00000001:c:auth:${md5('GET:/x')}`);
    return `Digest username="ann", realm="traefik", nonce="${nonce}", opaque="${opaque}", uri="/x", qop=auth, nc=00000001, cnonce="c", response="${response}"`;
  };
  const place = 'http://digest.test/x';
  for (let i = 0; i < 2; i++) {
    assert.match(await judged(place, digest(HA1)), /^lets "ann" on: the digest is right and new \| .* backend b/);
  }
  assert.match(
    await judged(place, digest(md5('ann:traefik:no'))),
    /^the digest of "ann" is none of that password .* 401/,
  );
  const real = { method: 'GET', host: 'digest.test', path: '/x', headers: { authorization: digest(HA1) } };
  assert.equal((await ask(real)).status, 200);
  assert.match(await judged(place, digest(HA1)), /is right, and its nonce was used before.* 401/);

  const token = (role: string, key: Uint8Array): Promise<string> =>
    new SignJWT({ role, exp: Math.floor(Date.now() / 1000) + 60 }).setProtectedHeader({ alg: 'HS256' }).sign(key);
  const bearer = async (role: string, key: Uint8Array = JWT_SECRET): Promise<string> =>
    judged('http://token.test/', `Bearer ${await token(role, key)}`);
  assert.match(await bearer('admin'), /^lets it on: the signature of its token holds \| .* backend b/);
  assert.match(await bearer('guest'), /^its claims are not those that are asked for \| .* 403 \(jwt_claims\)$/);
  assert.match(
    await bearer('admin', Buffer.alloc(32)),
    /^the signature of the token is wrong \| .* 401 \(jwt_refused\)$/,
  );
});

test('nobody outside is asked: whom an auth server would judge is told as open', async () => {
  const before = seen.length;
  const text = await judged('http://asked.test/', 'Bearer x');
  assert.match(text, /^asks http:\/\/\S+\/auth, which answers if it says no \| .*, if it is let on \?$/);
  assert.equal(seen.length, before);
});

test('what the limit of a backend would do is told: refused, or for how long it would wait', async () => {
  const limitOf = async (host: string, key = ''): Promise<string> => {
    const { short, steps } = await explain({ url: `http://${host}/`, headers: { 'X-Api-Key': key } });
    return `${short} | ${steps.find(({ name }) => name === 'backend')!.text}`;
  };
  assert.match(
    await limitOf('full.test', 'k'),
    /s1 \(100 %\) \| .*; 0 of 1 requests of "REDACTED" are in progress \(maxconn\)$/,
  );
  const requests = ['full.test', 'queue.test'].map((host) =>
    ask({ method: 'GET', host, path: '/held', headers: { 'X-Api-Key': 'k' } }),
  );
  await waitFor(() => held.length === 2, 'requests in progress');
  assert.match(await limitOf('full.test', 'k'), /429 \(max_connections\) \| .*1 of 1 requests .*: it is refused$/);
  assert.match(await limitOf('full.test', 'other'), /s1 \(100 %\)/);
  assert.match(
    await limitOf('queue.test'),
    /s1 \(100 %\), once there is a place for it \| .*would wait for a place behind 0 others, for 20s at most, and then be answered 503$/,
  );
  requests.push(ask({ method: 'GET', host: 'queue.test', path: '/waits', headers: {} }));
  await waitFor(async () => /queue_full/.test(await limitOf('queue.test')), 'a request that waits');
  assert.match(await limitOf('shut.test'), /^frontend shut -> backend b -> .*, which stands in for shut$/);
  assert.equal((await ask({ method: 'GET', host: 'shut.test', path: '/', headers: {} })).status, 200);
  for (const response of held) response.end();
  assert.deepEqual(
    (await Promise.all(requests)).map(({ status }) => status),
    [200, 200, 200],
  );
});

test('who is asked although all are dead, and who is not, is told with the reason', async () => {
  const serversOf = async (url: string) => {
    const { short, steps } = await explain({ url });
    const step = steps.find(({ name }) => name === 'server')!;
    return { short, text: step.text, ...step.servers![0] };
  };
  const before = await serversOf('http://dead.test/');
  assert.equal(before.state, 'in rotation');
  assert.match(before.text, /there is no health check, so that only requests find out who is dead$/);
  assert.equal((await ask({ method: 'GET', host: 'dead.test', path: '/', headers: {} })).status, 502);
  await waitFor(async () => (await serversOf('http://dead.test/')).reason !== '', 'the reason');
  const dead = await serversOf('http://dead.test/');
  assert.equal(dead.short, 'frontend dead -> backend dead -> s1 (100 %, failing)');
  assert.match(dead.text, /^1 of 1 may get it, and every one of them has failed its last try: it is asked anyway/);
  assert.match(
    dead.why,
    /^there is no other: its last try has failed, and the last server of a backend is never taken/,
  );
  assert.match(dead.reason, /cannot be reached/);
  await waitFor(async () => (await serversOf('http://checked.test/')).state === 'down', 'the health check');
  const checked = await serversOf('http://checked.test/');
  assert.equal(checked.short, 'frontend checked -> backend checked -> 503 (no_server)');
  assert.match(checked.text, /^none of its 1 servers may get it \(1 down\), and none is asked anyway$/);
});

test('requests that nobody serves are explained as well', async () => {
  const shorts = await Promise.all(
    [
      { url: '/', host: 'b ad' },
      { url: 'http://a.test/x', client: '10.0.0.1', entrypoint: 'http' },
      { url: 'http://guarded.test/in', client: '10.0.0.1' },
      { url: 'http://guarded.test/elsewhere' },
      { url: 'http://empty.test/' },
      { url: 'http://empty.tset/' },
    ].map(async (asked) => (await explain(asked)).short),
  );
  assert.equal(shorts[0], '400 (bad_request)');
  assert.equal(shorts[2], 'frontend guarded -> 403 (forbidden)');
  assert.equal(shorts[3], '404 (no_route)');
  assert.equal(shorts[4], 'frontend empty -> backend none -> 503 (no_server)');
  assert.equal(shorts[5], '404 (no_route)');
  const { steps } = await explain({ url: 'http://wrong.test/' });
  const [, frontend] = steps;
  assert.match(frontend.text, /that are tried for the host "wrong\.test" matches/);
  assert.match(frontend.problems![0].reason, /Hots.*did you mean Host\?/);
});

test('a changed key is told with its new revision', async () => {
  const revision = await put('frontends/empty/priority', '77');
  await waitFor(async () => {
    const { steps } = await explain({ url: 'http://empty.test/' });
    const key = steps[1].keys!.find(({ key: name }) => name.endsWith('/priority'));
    return key?.revision === revision;
  }, 'the new revision');
});

test('what cannot be asked is told', async () => {
  const post = async (body: string): Promise<string> => {
    const url = `http://${OWN_HOST}:${tsuji.adminPort}/api/explain`;
    const response = await fetch(url, { method: 'POST', body });
    return `${response.status} ${((await response.json()) as { error: string }).error}`;
  };
  assert.match(await post('{'), /^400 the body is no JSON/);
  assert.match(await post('{"ulr":"/"}'), /^400 "ulr" is not known/);
  assert.match(await post('{"url":"http://a/","client":"x"}'), /^400 client: "x" is no address/);
  assert.match(await post('{"url":"http://a/","entrypoint":"x"}'), /^400 entrypoint: "x" is none of http/);
  assert.match(await post('{"url":"http://a/","headers":{"a b":"c"}}'), /^400 header: /);
  assert.match(await post(`{"url":"http://a/${'x'.repeat(20_000)}"}`), /^400 a text is longer/);
  const query = await tsuji.api('/api/ui/explain?url=http://empty.test/&method=HEAD&header=X-A:%201');
  assert.equal(((await query.json()) as Explanation).request.method, 'HEAD');
});

function command(name: string, ...args: string[]) {
  const web = ['--web', `--web.address=${OWN_HOST}:${tsuji.adminPort}`];
  return run(process.execPath, [MAIN, name, ...args, ...web]);
}

test('the command says it in words or JSON, and by its exit code', async () => {
  const served = await command(
    'explain',
    '--host=limited.test',
    '--path=/x',
    '--method=POST',
    '--header=X-B: 2',
    '--client=10.0.0.8',
  );
  assert.equal(served.code, 0, served.stderr);
  assert.match(served.stdout, /^POST limited\.test\/x from 10\.0\.0\.8 at http/);
  assert.match(served.stdout, /\n {4}x-b: 2\n/);
  assert.match(served.stdout, /frontends\/limited\/backend = "b" {2}\(etcdv3 rev \d+\)/);
  const refused = await command('explain', 'http://nobody.test/', '--format=json');
  assert.equal(refused.code, 1);
  assert.equal((JSON.parse(refused.stdout) as Explanation).served, false);
});

type Keys = { total: number; match: number; counts: Record<string, number>; keys: KeyStatus[] };

async function keysOf(query: string): Promise<Keys> {
  const response = await tsuji.api(`/api/keys?${query}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Keys;
}

test('every key has a state, with reason, revision and what would be right', async () => {
  await put('frontends/scheme/backend', 'b');
  await put('frontends/scheme/routes/r/rule', 'Host:http://scheme.test');
  await put('frontends/scheme/prioirty', '3');
  await put('frontends/scheme/passhostheader', 'maybe');
  const revision = await put('backends/b/servers/s3/weight', '3');
  await waitFor(async () => (await keysOf('prefix=backends/b/servers/s3')).match === 1, 'the last key');
  const { keys: told, counts, match } = await keysOf('prefix=frontends/scheme/');
  assert.deepEqual(
    told.map(({ key, state }) => `${key.slice('/traefik/frontends/scheme/'.length)} ${state}`),
    ['backend accepted', 'passhostheader defaulted', 'prioirty ignored', 'routes/r/rule defaulted'],
  );
  assert.equal(match, 4);
  assert.deepEqual(counts, { accepted: 1, warned: 0, defaulted: 2, ignored: 1, rejected: 0 });
  const { mark, fix, value, reason } = told[3];
  assert.deepEqual([mark, fix, value], [[5, 23], 'Host:scheme.test', '"Host:http://scheme.test"']);
  assert.match(reason, /hosts are compared without a scheme/);
  const [server] = (await keysOf('prefix=/traefik/backends/b/servers/s3')).keys;
  assert.deepEqual([server.state, server.revision], ['ignored', revision]);
  const wrong = await keysOf('prefix=frontends/wrong/&state=rejected');
  assert.equal(wrong.match, 2);
  assert.equal(wrong.keys[1].fix, 'Host:wrong.test');
  const secret = (await keysOf('prefix=frontends/guarded/auth')).keys;
  assert.ok(!JSON.stringify(secret).includes('apr1'));
});

test('keys come in pages, in their order, and a frontend that others hide is told', async () => {
  const { match, total } = await keysOf('limit=0');
  assert.equal(match, total);
  const all: string[] = [];
  for (let offset = 0; offset < match; offset += 50) {
    all.push(...(await keysOf(`offset=${offset}&limit=50`)).keys.map(({ key }) => key));
  }
  assert.equal(all.length, total);
  assert.deepEqual(all, all.toSorted());
  await waitFor(async () => (await keysOf('state=warned&prefix=frontends')).match > 0, 'what is never reached');
  const { keys: warned } = await keysOf('state=warned&prefix=frontends');
  assert.ok(
    warned.some(({ reason }) => /^never reached: frontend "r\d+"/.test(reason)),
    JSON.stringify(warned),
  );
});

test('a backend that is not there is told with the one that was probably meant', async () => {
  await put('frontends/mistyped/backend', 'chekced');
  await put('frontends/mistyped/routes/r/rule', 'Host:mistyped.test');
  const found = () => keysOf('prefix=frontends/mistyped/backend&state=rejected');
  await waitFor(async () => (await found()).match === 1, 'the key');
  const [{ fix, reason }] = (await found()).keys;
  assert.equal(fix, 'checked');
  assert.match(reason, /no key backends\/chekced\/servers\/NAME\/url is there/);
  const { steps } = await explain({ url: 'http://mistyped.test/' });
  assert.match(steps[1].text, /; those that would are left out$/);
  assert.equal(steps[1].problems![0].fix, 'checked');
});

test('tsuji keys lists them, with a mark below what is wrong', async () => {
  const words = await command('keys', 'frontends/scheme/', '--state=defaulted,ignored');
  assert.equal(words.code, 0, words.stderr);
  assert.match(words.stdout, /rule = "Host:http:\/\/scheme\.test" {2}\(etcdv3 rev \d+\)\n +\^{18}\n/);
  assert.match(words.stdout, /probably meant: Host:scheme\.test\n/);
});

test('tsuji check says of a live prefix, of what etcdctl prints of it, and of a folder what is wrong', async () => {
  const check = (...args: string[]) => run(process.execPath, [MAIN, 'check', ...args], { env: { HOME: '/' } });
  const live = await check(...flags, '--format=json');
  assert.equal(live.code, 1, live.stderr);
  const report = JSON.parse(live.stdout) as { serves: boolean; keys: KeyStatus[]; frontends: number };
  const { frontends } = await tsuji.status();
  assert.deepEqual([report.serves, report.frontends], [true, frontends.length]);
  const served = await keysOf('limit=1000');
  const states = (keys: KeyStatus[]): string[] => keys.map(({ key, state, revision }) => `${key} ${state} ${revision}`);
  assert.deepEqual(states(report.keys), states(served.keys));
  const dump = await etcd.ctl(3, 'get', '--prefix', '/traefik', '-w', 'json');
  const file = `${tsuji.folder}/dump.json`;
  writeFileSync(file, dump);
  const dumped = await check(file, '--format=json');
  assert.deepEqual(states((JSON.parse(dumped.stdout) as typeof report).keys), states(report.keys));
  rmSync(file);
  const gone = await check('--etcd', '--etcd.endpoint=127.0.0.1:1', '--timeout=1s');
  assert.equal(gone.code, 2);
  assert.match(
    gone.stderr,
    /^check: etcd v3 at 127\.0\.0\.1:1: 14 UNAVAILABLE: connect ECONNREFUSED 127\.0\.0\.1:1; etcd v2 at/,
  );
  const elsewhere = await check(...flags, '--etcd.prefix=/treafik');
  assert.match(elsewhere.stdout, /\nno key is below \/treafik: is the prefix right \(--etcd\.prefix\)/);
  tsuji.set('backends/b/servers/s1/url', 'http://10.0.0.1');
  tsuji.set('frontends/f/backend', 'b');
  tsuji.set('frontends/f/routes/r/rule', 'Host:a.test');
  const good = await check(tsuji.folder);
  assert.deepEqual([good.code, good.stdout.split('\n').at(-2)], [0, 'it would serve'], good.stdout);
});
