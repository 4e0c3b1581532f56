/** Basic, digest and forward auth of a frontend (shared/spec frontend-options §2.1–2.3, §4.1). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import test, { after } from 'node:test';
import bcrypt from 'bcryptjs';
import { type Ask, ENGINES, isHttp2, isSecure, startEngines } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { rawClient } from '../harness/raw.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

async function listen(
  answer: (headers: IncomingHttpHeaders, response: ServerResponse, url: string) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request.headers, response, request.url!));
  });
  return listening({ after }, server);
}

let asked: IncomingHttpHeaders = {};
const site = await listen((headers, response) => {
  asked = headers;
  response.end('site');
});
let authAsked: IncomingHttpHeaders = {};
let authRequests = 0;
let priority = 1;
const auth = await listen((headers, response, url) => {
  authAsked = headers;
  authRequests++;
  if (url.startsWith('/silent')) return;
  if (url.startsWith('/torn')) {
    response.destroy();
    return;
  }
  if (url.startsWith('/long')) {
    response.writeHead(403).end('x'.repeat(2_000_000));
    return;
  }
  const user = /^Bearer (\w+)$/.exec(headers.authorization ?? '')?.[1];
  if (user === undefined) {
    response.writeHead(302, { location: '/login', 'set-cookie': 'state=1', 'x-auth': 'no' }).end('please log in');
    return;
  }
  const fields: Record<string, string | string[]> = { 'set-cookie': ['session=s; Path=/', 'other=o'], 'x-extra': 'e' };
  if (user !== 'anonymous') fields['x-user'] = [user, 'second'];
  if (url.startsWith('/hops')) Object.assign(fields, { host: 'evil.test', 'x-forwarded-host': 'told.test' });
  response.writeHead(204, fields).end();
});

const folder = temporaryFolder();
after(() => folder.remove());
const usersFile = join(folder.path, 'users');
const bcryptHash = bcrypt.hashSync('secret', 4);
writeFileSync(usersFile, `# people\n\nfiled:${bcryptHash}\n`);

const engines = await startEngines({ after }, { workers: 2 });
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [site], under('frontends/$', keys));
const users = [
  'sha:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  'apr:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/',
  'md5:$1$saltsalt$tTWg0JeO/sYmHvtKmZE8c.',
  `bcrypt:${bcrypt.hashSync('test', 4)}`,
  'locked:',
];
const basic = await route({
  'auth/basic/users': users.join(','),
  'auth/basic/usersfile': usersFile,
  'auth/basic/removeheader': 'true',
  'auth/headerfield': 'X-WebAuth-User',
});
const digest = await route({
  'auth/digest/users': 'test:traefik:a2688e031edb4be6a3797f3882655c05',
  'auth/headerfield': 'X-User',
});
const none = await route({ 'auth/headerfield': 'X-User' });
const forward = await route({
  'auth/forward/address': `${auth}/check?by=tsuji`,
  'auth/forward/authresponseheaders': 'x-user, X-Missing',
  'auth/forward/addauthcookiestoresponse': 'session',
});
const trusting = await route({
  'auth/forward/address': `${auth}/check`,
  'auth/forward/trustforwardheader': 'true',
  'auth/forward/preservelocationheader': 'true',
});
const hops = await route({
  'auth/forward/address': `${auth}/hops`,
  'auth/forward/authresponseheadersregex': '(?i)^(host|x-forwarded-host)$',
});
const cached = await route({ 'auth/forward/address': `${auth}/check`, 'auth/forward/cache': '1h' });
tsuji.set('backends/auths/servers/s/url', auth);
const balanced = await route({ 'auth/forward/address': 'http://auth.invalid/check', 'auth/forward/backend': 'auths' });
const failing: Record<string, string> = {
  torn: await route({ 'auth/forward/address': `${auth}/torn` }),
  long: await route({ 'auth/forward/address': `${auth}/long` }),
  silent: await route({ 'auth/forward/address': `${auth}/silent`, 'auth/forward/timeout': '300ms' }),
  dead: await route({ 'auth/forward/address': 'http://127.0.0.1:1/' }),
};

const ask = engines.ask.bind(engines);
const basicOf = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

type Digest = { name?: string; ha1?: string; uri?: string; nc?: string; method?: string };

/** The answer to a challenge. */
function digestOf(
  challenge: string,
  { name = 'test', ha1 = 'a2688e031edb4be6a3797f3882655c05', uri = '/', nc = '00000001', method = 'GET' }: Digest = {},
): string {
  const [nonce, opaque] = ['nonce', 'opaque'].map((field) => new RegExp(`${field}="([^"]+)"`).exec(challenge)![1]);
  const response = md5(`${ha1}:${nonce}:${nc}:0a4f113b:auth:${md5(`${method}:${uri}`)}`);
  return (
    `Digest username="${name}", realm="traefik", nonce="${nonce}", uri="${uri}", qop=auth, nc=${nc}, cnonce="0a4f113b", ` +
    `response="${response}", opaque="${opaque}", algorithm=MD5`
  );
}

const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

for (const engine of ENGINES) {
  test(`${engine}: nobody can say under another spelling who asks`, async () => {
    const fields = {
      x_webauth_user: 'root',
      'x.webauth-user': 'root',
      x_user: 'root',
      'X~User': 'root',
      'x-userx': 'me',
    };
    const told = (): string[] => Object.keys(asked).filter((name) => /user/i.test(name));
    await ask(engine, { host: basic, fields: { ...fields, authorization: basicOf('sha', 'test') } });
    assert.deepEqual(told().sort(), ['x-userx', 'x-webauth-user', 'x_user', 'x~user']);
    const challenge = (await ask(engine, { host: digest })).fields['www-authenticate']!;
    await ask(engine, { host: digest, path: '/', fields: { ...fields, authorization: digestOf(challenge) } });
    assert.deepEqual(told().sort(), ['x-user', 'x-userx', 'x.webauth-user', 'x_webauth_user']);
    await ask(engine, { host: forward, fields: { ...fields, authorization: 'Bearer ada' } });
    assert.deepEqual(told().sort(), ['x-user', 'x-userx', 'x.webauth-user', 'x_webauth_user']);
    assert.equal(asked['x-user'], 'ada, second');
  });

  test(`${engine}: basic auth lets in who knows a password, whatever its hash, and tells the server who it is`, async () => {
    const refused = await ask(engine, { host: basic, method: 'POST', body: Buffer.from('hello') });
    assert.deepEqual([refused.status, refused.body.toString()], [401, '401 Unauthorized\n']);
    assert.equal(refused.fields['www-authenticate'], 'Basic realm="traefik"');
    assert.equal(refused.fields['content-type'], 'text/plain');
    for (const name of ['sha', 'apr', 'md5', 'bcrypt']) {
      const fields = { authorization: basicOf(name, 'test'), 'x-webauth-user': 'root' };
      const answer = await ask(engine, { host: basic, method: 'POST', body: Buffer.from('hello'), fields });
      assert.equal(answer.status, 200, name);
      assert.deepEqual([asked['x-webauth-user'], asked.authorization], [name, undefined]);
      const wrong = await ask(engine, { host: basic, fields: { authorization: basicOf(name, 'tesu') } });
      assert.equal(wrong.status, 401, name);
    }
    assert.equal(
      (await ask(engine, { host: basic, fields: { authorization: basicOf('filed', 'secret') } })).status,
      200,
    );
    const good = basicOf('sha', 'test');
    for (const authorization of [
      basicOf('nobody', 'test'),
      basicOf('locked', ''),
      basicOf('filed', ''),
      good.replace(' ', '  '),
      good.replace(/=*$/, ''),
      `Bearer ${good.slice(6)}`,
      'Basic !!!!',
    ]) {
      assert.equal((await ask(engine, { host: basic, fields: { authorization } })).status, 401, authorization);
    }
    assert.equal(
      (await ask(engine, { host: basic, fields: { authorization: good.replace('Basic', 'bAsIc') } })).status,
      200,
    );
  });

  test(`${engine}: digest auth lets in who proves to know a password, each count once`, async () => {
    const refused = await ask(engine, { host: digest });
    assert.equal(refused.status, 401);
    const challenge = refused.fields['www-authenticate']!;
    assert.match(challenge, /^Digest realm="traefik", nonce="[^"]+", opaque="[^"]+", algorithm="MD5", qop="auth"$/);
    const status = async (digestGiven: Digest, request: Partial<Ask> = {}): Promise<string> => {
      const fields = { authorization: digestOf(challenge, digestGiven) };
      const answer = await ask(engine, { host: digest, path: '/', fields, ...request });
      return `${answer.status}${/stale=true/.test(answer.fields['www-authenticate'] ?? '') ? ' stale' : ''}`;
    };
    assert.equal(await status({ nc: '00000003' }), '200');
    assert.equal(asked['x-user'], 'test');
    assert.equal(await status({ nc: '00000003' }), '401 stale');
    assert.equal(await status({ nc: '00000001' }), '200');
    assert.equal(await status({ nc: '00000001' }), '401 stale');
    assert.equal(await status({ nc: '00000004', uri: '/a?b=1' }, { path: '/a?b=1' }), '200');
    assert.equal(await status({ nc: '00000005', uri: '/a?b=1' }, { path: '/a?b=2' }), '401');
    assert.equal(await status({ nc: '00000006', name: 'nobody', ha1: '' }), '401');
    assert.equal(await status({ nc: '00000006', name: 'nobody' }), '401');
    assert.equal(await status({ nc: '00000006', ha1: md5('test:traefik:other') }), '401');
    assert.equal(await status({ nc: 'xyz' }), '401');
    // Counts begin at 1: one that is below would be as good again and again.
    const fresh = (await ask(engine, { host: digest })).fields['www-authenticate']!;
    const early = { host: digest, fields: { authorization: digestOf(fresh, { nc: '00000000' }) } };
    assert.equal((await ask(engine, early)).status, 401);
  });

  test(`${engine}: another server says who may pass, and its word is passed on`, async () => {
    const refused = await ask(engine, {
      host: `${forward}:8080`,
      path: '/x?y=1',
      fields: { 'x-forwarded-for': '1.1.1.1', cookie: 'a=b', 'x-forwarded-method': 'PUT' },
    });
    assert.deepEqual([refused.status, refused.body.toString()], [302, 'please log in']);
    assert.deepEqual([refused.fields.location, refused.fields['x-auth']], [`${auth}/login`, 'no']);
    const scheme = isSecure(engine) ? 'https' : 'http';
    assert.deepEqual(
      ['for', 'method', 'proto', 'host', 'uri'].map((name) => authAsked[`x-forwarded-${name}`]),
      ['127.0.0.1', 'GET', scheme, `${forward}:8080`, '/x?y=1'],
    );
    assert.deepEqual([authAsked.cookie, authAsked.host], ['a=b', auth.slice('http://'.length)]);

    const fields = { authorization: 'Bearer joe', 'x-user': 'root', 'x-missing': 'mine' };
    const passed = await ask(engine, { host: forward, method: 'POST', body: Buffer.alloc(100_000), fields });
    assert.deepEqual([passed.status, passed.body.toString()], [200, 'site']);
    assert.deepEqual([asked['x-user'], asked['x-missing'], asked['x-extra']], ['joe, second', undefined, undefined]);
    // What is written anew is so once, and the host is none of its business.
    await ask(engine, { host: hops, fields: { authorization: 'Bearer joe' } });
    assert.deepEqual([asked.host, asked['x-forwarded-host']], [hops, 'told.test']);
    assert.deepEqual(passed.fields['set-cookie'], ['session=s; Path=/']);
    assert.equal(authAsked['content-length'], undefined);
    const anonymous = await ask(engine, { host: forward, fields: { ...fields, authorization: 'Bearer anonymous' } });
    assert.deepEqual([anonymous.status, asked['x-user']], [200, undefined]);

    const told = await ask(engine, {
      host: trusting,
      fields: { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-uri': '/u' },
    });
    assert.equal(told.fields.location, '/login');
    assert.deepEqual([authAsked['x-forwarded-for'], authAsked['x-forwarded-uri']], ['1.1.1.1, 127.0.0.1', '/u']);
    assert.equal((await ask(engine, { host: balanced, fields })).status, 200);
  });

  test(`${engine}: an auth server that does not answer lets nobody in`, async () => {
    for (const [name, host] of Object.entries(failing)) {
      const answer = await ask(engine, { host, fields: { authorization: 'Bearer joe' } });
      assert.deepEqual([answer.status, answer.body.length], [500, 0], name);
      const frontend = host.split('.')[0];
      await tsuji.hasSaid(
        new RegExp(`level=warning .*event=auth_unreachable worker=\\d frontend=${frontend} address=.*reason=`),
      );
    }
    const answer = await ask(engine, { host: none });
    assert.deepEqual([answer.status, answer.body.toString()], [500, 'Internal Server Error\n']);
  });

  test(`${engine}: an answer is remembered for the same credentials only`, async () => {
    const before = authRequests;
    const fields = { authorization: `Bearer ${engine.replace('-', '')}` };
    // Each worker remembers by itself.
    for (let i = 0; i < 12; i++) assert.equal((await ask(engine, { host: cached, fields })).status, 200);
    // No other change makes them forget.
    for (let i = 0; i < 2; i++) {
      tsuji.set(`frontends/${cached.split('.')[0]}/priority`, String(++priority));
      await route({});
      for (let j = 0; j < 12; j++) assert.equal((await ask(engine, { host: cached, fields })).status, 200);
    }
    assert.ok(authRequests - before <= 2, `${authRequests - before} questions`);
    assert.equal((await ask(engine, { host: cached })).status, 302);
    assert.equal((await ask(engine, { host: cached })).status, 302);
    assert.ok(authRequests - before >= 3);
    const known = authRequests;
    tsuji.set(`frontends/${cached.split('.')[0]}/auth/forward/cache`, `${++priority}h`);
    await waitFor(async () => {
      assert.equal((await ask(engine, { host: cached, fields })).status, 200);
      return authRequests > known;
    }, 'the auth server to be asked under other options');
  });

  if (!isHttp2(engine) && !isSecure(engine)) {
    test(`${engine}: a handshake of a WebSocket is asked for as well, and clients that leave leave nothing`, async (t) => {
      for (const host of [basic, forward]) {
        const client = await rawClient(t, engines.port(engine));
        client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${HANDSHAKE}\r\n`);
        assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 (401|302)/);
      }
      const leaving = await rawClient(t, engines.port(engine));
      leaving.send(`GET / HTTP/1.1\r\nHost: ${failing.silent}\r\n\r\n`);
      const before = authRequests;
      await waitFor(async () => authRequests > before, 'the question');
      leaving.socket.destroy();
      await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end');
    });
  }
}

test('a users file counts as it stands now, and no secret is shown anywhere', async () => {
  const status = async (password: string): Promise<number> =>
    (await ask('uws', { host: basic, fields: { authorization: basicOf('filed', password) } })).status;
  writeFileSync(usersFile, `filed:${bcrypt.hashSync('other', 4)}\n`);
  // The old one is asked about until then, since what was right a moment ago is remembered.
  const isNew = async (): Promise<boolean> => (await status('secret')) !== 200 && (await status('other')) === 200;
  await waitFor(isNew, 'the new password to count');
  assert.equal(await status('secret'), 401);
  writeFileSync(usersFile, 'filed:unhashed\n');
  await waitFor(
    async () => (await tsuji.status()).problems.some(({ key }) => key.endsWith('auth/basic/usersfile')),
    'the problem',
  );
  // The problem shows before the table that follows from it is in force.
  await waitFor(async () => (await ask('uws', { host: basic })).status === 404, 'the frontend to be left out');
  for (const path of ['/api', '/api/status', '/metrics']) {
    const text = await (await tsuji.api(path)).text();
    for (const secret of ['a2688e031', '$apr1$', '{SHA}', '$2b$', 'qUqP5cyx', 'unhashed']) {
      assert.ok(!text.includes(secret), `${path} shows ${secret}`);
    }
  }
});
