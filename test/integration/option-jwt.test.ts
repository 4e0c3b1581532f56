/** Frontends that ask for signed tokens (shared/spec frontend-options §3.14), and the attacks of RFC 8725. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import test, { after } from 'node:test';
import { SignJWT } from 'jose';
import { ENGINES, isHttp2, isSecure, startEngines } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { rawClient } from '../harness/raw.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

async function listen(answer: (headers: IncomingHttpHeaders, response: ServerResponse, url: string) => void) {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request.headers, response, request.url!));
  });
  return listening({ after }, server);
}

let seen: IncomingHttpHeaders = {};
let seenUrl = '';
const site = await listen((headers, response, url) => {
  seen = headers;
  seenUrl = url;
  response.end('site');
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }) as string;
const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' });
let fetches = 0;
/** Lets each `/late…` be answered. */
const releases = new Map<string, () => void>();
const issuer = await listen((_, response, url) => {
  fetches++;
  const answer = (): void => {
    response.end(JSON.stringify({ keys: [jwk(rsa.publicKey, 'rsa'), jwk(ec.publicKey, 'ec')] }));
  };
  if (url.startsWith('/late')) releases.set(url, answer);
  else answer();
});
const SECRET = Buffer.alloc(48, 'k');

const engines = await startEngines({ after }, { workers: 1 });
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [site], under('frontends/$', keys));
const strict = await route({
  'jwt/jwksurl': `${issuer}/jwks`,
  'jwt/issuer': 'https://issuer',
  'jwt/audience': 'api,web',
  'jwt/claims/scope': 'read',
  'jwt/claims/realm.roles': 'admin,editor',
  'jwt/forwardclaims/X-Roles': 'realm.roles',
  'jwt/forwardclaims/X-Level': 'level',
  'jwt/forwardclaims/X-Object': 'realm',
  'jwt/headerfield': 'X-User',
  'jwt/removetoken': 'true',
});
const pinned = await route({ 'jwt/keys/main': pem(ec.publicKey), 'jwt/keys/rsa': pem(rsa.publicKey) });
const symmetric = await route({
  'jwt/secret': SECRET.toString('base64url'),
  'jwt/sources': 'cookie:session,query:token,header:X-Token',
  'jwt/removetoken': 'true',
});
const optional = await route({
  'jwt/keys/main': pem(ec.publicKey),
  'jwt/optional': 'true',
  'jwt/headerfield': 'X-User',
  'auth/basic/users': 'test:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
});
const dead = await route({ 'jwt/jwksurl': 'http://127.0.0.1:1/' });

const now = (): number => Math.floor(Date.now() / 1000);
const CLAIMS = {
  iss: 'https://issuer',
  aud: ['x', 'api'],
  sub: 'jané',
  scope: 'openid read',
  realm: { roles: ['admin', 'ops'] },
  level: 7,
};
type Claims = Record<string, unknown>;

function signed(claims: Claims, key: KeyObject | Buffer, header: { alg: string; kid?: string }): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(key);
}
const good = (claims: Claims = {}): Promise<string> =>
  signed({ ...CLAIMS, exp: now() + 600, ...claims }, ec.privateKey, { alg: 'ES256', kid: 'ec' });

const ask = engines.ask.bind(engines);
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const INVALID = 'Bearer realm="traefik", error="invalid_token"';

for (const engine of ENGINES) {
  test(`${engine}: whoever has a good token comes in, and its claims go to the server`, async () => {
    const fields = { ...bearer(await good()), 'x-user': 'root', 'x-roles': 'root', 'x-object': 'root' };
    for (let i = 0; i < 2; i++) {
      const answer = await ask(engine, { host: strict, method: 'POST', body: Buffer.from('hello'), fields });
      assert.equal(answer.status, 200);
      const told = ['x-user', 'x-roles', 'x-level', 'x-object', 'authorization'].map((name) => seen[name]);
      assert.deepEqual(told, [Buffer.from('jané').toString('latin1'), 'admin,ops', '7', undefined, undefined]);
    }
    const rs = await signed({ ...CLAIMS, aud: 'web', exp: now() + 60 }, rsa.privateKey, { alg: 'RS256' });
    assert.equal((await ask(engine, { host: strict, fields: { authorization: `bEARER ${rs}` } })).status, 200);
  });

  test(`${engine}: without a token, with a bad one, or without the claims nobody does`, async () => {
    const absent = await ask(engine, { host: strict });
    assert.deepEqual([absent.status, absent.body.toString()], [401, '401 Unauthorized\n']);
    assert.equal(absent.fields['www-authenticate'], 'Bearer realm="traefik"');
    const expired = await ask(engine, { host: strict, fields: bearer(await good({ exp: now() - 31 })) });
    assert.deepEqual([expired.status, expired.fields['www-authenticate']], [401, INVALID]);
    for (const claims of [{ scope: 'openid reader' }, { realm: { roles: 'ops' } }]) {
      const answer = await ask(engine, { host: strict, fields: bearer(await good(claims)) });
      assert.deepEqual([answer.status, answer.body.toString()], [403, 'Forbidden']);
      assert.equal(answer.fields['www-authenticate'], 'Bearer realm="traefik", error="insufficient_scope"');
    }
    const unusable = await ask(engine, { host: dead, fields: bearer(await good()) });
    assert.deepEqual([unusable.status, unusable.body.toString()], [503, 'Service Unavailable']);
    assert.equal(unusable.fields['retry-after'], '5');
  });

  if (!isHttp2(engine) && !isSecure(engine)) {
    test(`${engine}: a handshake of a WebSocket needs a token, too`, async (t) => {
      const client = await rawClient(t, engines.port(engine));
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
      client.send(`GET / HTTP/1.1\r\nHost: ${strict}\r\n${upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
      assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 401/);
      const other = await rawClient(t, engines.port(engine));
      const token = `Authorization: Bearer ${await good({ jti: engine })}\r\n`;
      other.send(
        `GET / HTTP/1.1\r\nHost: ${strict}\r\n${token}${upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      // The site takes it for a plain request.
      assert.match(await other.until('\r\n\r\n'), /^HTTP\/1\.1 200/);
    });
  }
}

test('no attack of RFC 8725 comes through', async () => {
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { ...CLAIMS, exp: now() + 600 };
  const valid = await good();
  const [header, payload, signature] = valid.split('.');
  const hmac = (secret: string, alg: string, kid: string): string => {
    const start = `${encoded({ alg, kid })}.${encoded(claims)}`;
    return `${start}.${createHmac('sha256', secret).update(start).digest('base64url')}`;
  };
  const withHeader = async (more: Record<string, unknown>): Promise<string> => {
    const start = `${encoded({ alg: 'ES256', kid: 'ec', ...more })}.${payload}`;
    return `${start}.${signature}`;
  };
  const attacks: Record<string, string> = {
    'alg none': `${encoded({ alg: 'none' })}.${payload}.`,
    'alg None, signed': `${encoded({ alg: 'None', kid: 'ec' })}.${payload}.${signature}`,
    'the public key as a secret': hmac(pem(rsa.publicKey), 'HS256', 'rsa'),
    'the public key as a secret, other algorithm': hmac(pem(rsa.publicKey), 'RS256', 'rsa'),
    'a key of another kind': await signed(claims, ec.privateKey, { alg: 'ES256', kid: 'rsa' }),
    'another key of that name': await signed(claims, other.privateKey, { alg: 'ES256', kid: 'ec' }),
    'a path as kid': await signed(claims, other.privateKey, { alg: 'ES256', kid: '../../../dev/null' }),
    'a query as kid': await signed(claims, other.privateKey, { alg: 'ES256', kid: "x' UNION SELECT 'key" }),
    '__proto__ as kid': await signed(claims, other.privateKey, { alg: 'ES256', kid: '__proto__' }),
    'an own key in it': await withHeader({ jwk: jwk(other.publicKey, 'ec') }),
    'a URL of keys in it': await withHeader({ jku: `${issuer}/mine` }),
    crit: await withHeader({ crit: ['exp'] }),
    'an algorithm that is not taken': await signed(claims, rsa.privateKey, { alg: 'RS512', kid: 'rsa' }),
    'other claims': `${header}.${encoded({ ...claims, sub: 'root' })}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'a name twice': `${header}.${Buffer.from('{"sub":"a","sub":"b"}').toString('base64url')}.${signature}`,
    'five parts': `${valid}.${payload}.${signature}`,
    'not valid yet': await good({ nbf: now() + 100 }),
    'from the future': await good({ iat: now() + 100 }),
    'without exp': await signed(CLAIMS, ec.privateKey, { alg: 'ES256', kid: 'ec' }),
    'another issuer': await good({ iss: 'https://issuer/' }),
    'another audience': await good({ aud: 'ap' }),
    'a list of issuers': await good({ iss: ['https://issuer'] }),
    oversized: await good({ more: 'x'.repeat(8_192) }),
    empty: '',
    'behind a tab': `\t${valid}x`,
  };
  for (const [name, token] of Object.entries(attacks)) {
    const answer = await ask('tsuji', { host: strict, fields: bearer(token) });
    assert.deepEqual([answer.status, answer.fields['www-authenticate']], [401, INVALID], name);
  }
  const two = await ask('tsuji', { host: strict, fields: { authorization: [`Bearer ${valid}`, 'Bearer x'] } });
  assert.ok(two.status === 401 || two.status === 400, `two fields: ${two.status}`);
  assert.equal((await ask('tsuji', { host: strict, fields: bearer(valid) })).status, 200);
});

test('own keys are found by kid, or tried; a token stands where the sources say, and is taken off', async () => {
  const claims = { exp: now() + 600 };
  for (const kid of ['main', undefined]) {
    const token = await signed(claims, ec.privateKey, { alg: 'ES256', ...(kid !== undefined && { kid }) });
    assert.equal((await ask('uws', { host: pinned, fields: bearer(token) })).status, 200);
    assert.equal(seen.authorization, `Bearer ${token}`);
  }
  const unnamed = await signed(claims, ec.privateKey, { alg: 'ES256', kid: 'rsa' });
  assert.equal((await ask('uws', { host: pinned, fields: bearer(unnamed) })).status, 401);

  const token = await signed(claims, SECRET, { alg: 'HS256' });
  assert.equal((await ask('uws', { host: symmetric, fields: { cookie: `a=1; session=${token}; b=2` } })).status, 200);
  assert.equal(seen.cookie, 'a=1; b=2');
  assert.equal((await ask('uws', { host: symmetric, path: `/p?a=%41&token=${token}&b` })).status, 200);
  assert.equal(seenUrl, '/p?a=%41&b');
  assert.equal((await ask('uws', { host: symmetric, fields: { 'x-token': token } })).status, 200);
  assert.equal(seen['x-token'], undefined);
  for (const request of [
    { fields: { cookie: `session=${token}; session=x` } },
    { path: `/?token=x&token=${token}` },
    { fields: { cookie: 'session=x', 'x-token': token } },
    { fields: bearer(token) },
    { fields: { 'x-token': await signed(claims, SECRET, { alg: 'HS384' }) } },
  ]) {
    assert.equal((await ask('uws', { host: symmetric, ...request })).status, 401, JSON.stringify(request));
  }
});

test('an optional token may be absent but not bad, and other auth is asked besides', async () => {
  const basic = `Basic ${Buffer.from('test:test').toString('base64')}`;
  const status = async (authorization: string): Promise<number> =>
    (await ask('uws', { host: optional, fields: { authorization, 'x-user': 'root' } })).status;
  assert.equal(await status(basic), 200);
  assert.equal(seen['x-user'], undefined);
  assert.equal(await status('Bearer x'), 401);
  const token = await signed({ exp: now() + 60 }, ec.privateKey, { alg: 'ES256' });
  assert.equal(await status(`Bearer ${token}`), 401);
});

test('a request waits for keys that are on their way, and an unknown key does not have them fetched at every request', async () => {
  const late = await route({ 'jwt/jwksurl': `${issuer}/late` });
  const token = await good();
  const waiting = ask('tsuji', { host: late, method: 'POST', body: Buffer.from('hello'), fields: bearer(token) });
  await waitFor(() => releases.has('/late'), 'the question for keys');
  releases.get('/late')!();
  assert.equal((await waiting).status, 200);
  const before = fetches;
  const unknown = await signed({ ...CLAIMS, exp: now() + 60 }, other.privateKey, { alg: 'ES256', kid: 'unknown' });
  for (let i = 0; i < 3; i++) assert.equal((await ask('tsuji', { host: late, fields: bearer(unknown) })).status, 401);
  assert.equal(fetches, before);
});

test('a good token of a client that has left lets nobody else in', async (t) => {
  // An exchange of that engine serves the next request when it has ended.
  const [first, second] = [
    await route({ 'jwt/jwksurl': `${issuer}/late-first` }),
    await route({ 'jwt/jwksurl': `${issuer}/late-second` }),
  ];
  await waitFor(() => releases.has('/late-first') && releases.has('/late-second'), 'the questions for keys');
  const leaving = engines.client(t, 'uws').ask({ host: first, fields: bearer(await good()) });
  await waitFor(async () => (await openExchanges(tsuji)) === 1, 'the request to wait');
  leaving.leave();
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'its end');
  const forged = await signed({ ...CLAIMS, exp: now() + 60 }, other.privateKey, { alg: 'ES256', kid: 'ec' });
  const waiting = ask('uws', { host: second, fields: bearer(forged) });
  await waitFor(async () => (await openExchanges(tsuji)) === 1, 'the other one to wait');
  releases.get('/late-first')!();
  // Once a token of that frontend passes, the keys have come.
  assert.equal((await ask('uws', { host: first, fields: bearer(await good()) })).status, 200);
  releases.get('/late-second')!();
  assert.equal((await waiting).status, 401);
});

test('a mistake below jwt closes the frontend, and no secret is shown anywhere', async () => {
  const name = symmetric.split('.')[0];
  for (const path of ['/api', '/api/status', '/metrics']) {
    const text = await (await tsuji.api(path)).text();
    assert.ok(!text.includes(SECRET.toString('base64url')), path);
  }
  tsuji.set(`frontends/${name}/jwt/secrets`, 'x');
  await waitFor(
    async () => (await tsuji.status()).problems.some(({ key }) => key.endsWith('jwt/secrets')),
    'the problem',
  );
  assert.equal((await ask('uws', { host: symmetric })).status, 404);
  const metrics = await tsuji.metrics();
  assert.match(metrics, /code="503"/);
  const { problems } = await tsuji.status();
  const told = problems.find(({ key }) => key === `/frontends/${dead.split('.')[0]}/jwt/jwksurl`);
  assert.match(told!.reason, /^its keys cannot be fetched \(.*ECONNREFUSED.*\); whoever brings a token gets 503$/);
  await tsuji.hasSaid(/event=key_set_lost url="?http:\/\/127\.0\.0\.1:1\/"? reason=.*ECONNREFUSED/);
});
