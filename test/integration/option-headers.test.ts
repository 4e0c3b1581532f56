/** Fields that a frontend sets, security headers and CORS, on every engine (shared/spec frontend-options §2.4, §3.1, §4.3). */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import test, { after } from 'node:test';
import { type Answer, type Ask, ENGINES, type Engine, isSecure, startEngines, whole } from '../harness/engines.ts';
import { listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

let asked: IncomingMessage | null = null;
const server = createServer((request, response) => {
  asked = request;
  response.setHeader('X-Powered-By', 'php');
  response.setHeader('Server', 'site');
  response.setHeader('X-Frame-Options', 'ALLOWALL');
  response.setHeader('Access-Control-Allow-Origin', 'https://other.test');
  if (request.url === '/moved') response.writeHead(302, { location: 'http://safe.test/next' });
  response.end('site');
});
const site = await listening({ after }, server);

const engines = await startEngines({ after });
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [site], under('frontends/$', keys));

const custom = await route({
  'headers/customrequestheaders/x-set': 'für dich',
  'headers/customrequestheaders/X-Client': '',
  'headers/customrequestheaders/Host': 'ignored.test',
  'headers/customrequestheaders/X-Forwarded-Proto': 'gopher',
  'headers/customresponseheaders/x-powered-by': '',
  'headers/customresponseheaders/x-served': 'tsuji ✓',
  'headers/addresponseheaders/Server': 'second',
  'headers/removeresponseheaders': 'X-Frame-Options',
});
const safe = await route({
  'headers/stsseconds': '10',
  'headers/stsincludesubdomains': 'true',
  'headers/stspreload': 'true',
  'headers/framedeny': 'true',
  'headers/customframeoptionsvalue': 'SAMEORIGIN',
  'headers/contenttypenosniff': 'true',
  'headers/browserxssfilter': 'true',
  'headers/contentsecuritypolicy': 'script-src $NONCE; style-src $NONCE 100%',
  'headers/referrerpolicy': 'same-origin',
  'headers/permissionspolicy': 'camera=()',
  'headers/noncetoserver': 'true',
  'headers/sslhost': 'safe.test',
});
const redirecting = await route({
  'headers/sslredirect': 'true',
  'headers/sslhost': 's.com',
  'headers/sslproxyheaders/X-Forwarded-Proto': 'https',
});
const hosts = await route({ 'headers/allowedhosts': 'A.com, b.com:81', 'headers/hostsproxyheaders': 'X-Host' });
const cors = await route({
  'headers/accesscontrolalloworiginlist': 'https://A.com,null',
  'headers/accesscontrolalloworiginlistregex': '^https://[a-z]+\\.b\\.com$',
  'headers/accesscontrolallowmethods': 'GET,PUT',
  'headers/accesscontrolallowheaders': '*',
  'headers/accesscontrolexposeheaders': 'X-Total',
  'headers/accesscontrolallowcredentials': 'true',
  'headers/accesscontrolmaxage': '600',
});
const anybody = await route({ 'headers/accesscontrolalloworiginlist': '*', 'limits/maxtargetbytes': '20' });

async function ask(t: { after(fn: () => unknown): unknown }, engine: Engine, request: Ask) {
  return whole(engines.client(t, engine).ask(request));
}
const field = (answer: Answer, name: string): string | undefined => answer.fields[name] as string | undefined;

for (const engine of ENGINES) {
  test(`${engine}: fields are set and taken off, on their way to the server and back`, async (t) => {
    const answer = await ask(t, engine, { host: custom, fields: { 'x-client': 'c', 'x-set': 'mine' } });
    assert.equal(Buffer.from(asked!.headers['x-set'] as string, 'latin1').toString(), 'für dich');
    assert.deepEqual([asked!.headers['x-client'], asked!.headers.host], [undefined, custom]);
    assert.equal(asked!.headers['x-forwarded-proto'], 'gopher');
    assert.equal(Buffer.from(field(answer, 'x-served')!, 'latin1').toString(), 'tsuji ✓');
    assert.deepEqual([field(answer, 'x-powered-by'), field(answer, 'x-frame-options')], [undefined, undefined]);
    const servers = answer.raw.filter((_, i) => answer.raw[i - 1]?.toLowerCase() === 'server');
    assert.deepEqual(servers, ['site', 'second']);
  });

  test(`${engine}: browsers are told what keeps their users safe`, async (t) => {
    const answer = await ask(t, engine, { host: safe });
    assert.equal(
      field(answer, 'strict-transport-security'),
      isSecure(engine) ? 'max-age=10; includeSubDomains; preload' : undefined,
    );
    assert.equal(field(answer, 'x-frame-options'), 'SAMEORIGIN');
    assert.equal(field(answer, 'x-content-type-options'), 'nosniff');
    assert.equal(field(answer, 'x-xss-protection'), '1; mode=block');
    assert.equal(field(answer, 'referrer-policy'), 'same-origin');
    assert.equal(field(answer, 'permissions-policy'), 'camera=()');
    const policy = /^script-src '(nonce-[A-Za-z0-9+/]{22})'; style-src '(nonce-[A-Za-z0-9+/]{22})' 100%$/.exec(
      field(answer, 'content-security-policy')!,
    )!;
    assert.equal(policy[1], policy[2]);
    assert.equal(`nonce-${asked!.headers['x-csp-nonce']}`, policy[1]);
    const again = await ask(t, engine, { host: safe });
    assert.notEqual(field(again, 'content-security-policy'), field(answer, 'content-security-policy'));
    const moved = await ask(t, engine, { host: safe, path: '/moved' });
    assert.equal(field(moved, 'location'), `${isSecure(engine) ? 'https' : 'http'}://safe.test/next`);
  });

  test(`${engine}: who comes without TLS is sent there, and only known hosts are served`, async (t) => {
    const plain = await ask(t, engine, { host: redirecting, path: '/x?y=1' });
    assert.deepEqual(
      [plain.status, field(plain, 'location')],
      isSecure(engine) ? [200, undefined] : [301, 'https://s.com/x?y=1'],
    );
    const behind = await ask(t, engine, { host: redirecting, fields: { 'x-forwarded-proto': 'https' } });
    assert.equal(behind.status, 200);
    const bad = await ask(t, engine, { host: hosts });
    assert.deepEqual([bad.status, bad.body.toString()], [500, 'Bad Host\n']);
    assert.equal((await ask(t, engine, { host: hosts, fields: { 'x-host': 'a.COM' } })).status, 200);
    assert.equal((await ask(t, engine, { host: hosts, fields: { 'x-host': 'a.com:80' } })).status, 500);
  });

  test(`${engine}: a preflight is answered here, and pages of allowed origins may read the answer`, async (t) => {
    const preflight = (origin: string): Ask => ({
      host: cors,
      method: 'OPTIONS',
      fields: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a, x-b' },
    });
    asked = null;
    const allowed = await ask(t, engine, preflight('https://a.com'));
    assert.equal(asked, null);
    assert.deepEqual([allowed.status, allowed.body.length], [200, 0]);
    assert.equal(field(allowed, 'access-control-allow-origin'), 'https://a.com');
    assert.equal(field(allowed, 'access-control-allow-methods'), 'GET,PUT');
    assert.equal(field(allowed, 'access-control-allow-headers'), 'x-a, x-b');
    assert.equal(field(allowed, 'access-control-allow-credentials'), 'true');
    assert.equal(field(allowed, 'access-control-max-age'), '600');
    // U+010D and U+010A as UTF-8: their low bytes would end the line.
    const odd = {
      ...preflight('https://a.com').fields,
      'access-control-request-headers': 'x\xc4\x8d\xc4\x8ax-evil: 1',
    };
    const echo = await ask(t, engine, { ...preflight('https://a.com'), fields: odd });
    assert.equal(field(echo, 'access-control-allow-headers'), odd['access-control-request-headers']);
    assert.equal(field(echo, 'x-evil'), undefined);
    const stranger = await ask(t, engine, preflight('https://evil.test'));
    assert.deepEqual([stranger.status, field(stranger, 'access-control-allow-origin')], [200, undefined]);
    for (const [origin, told] of [
      ['https://x.b.com', 'https://x.b.com'],
      ['https://b.com', undefined],
      ['null', 'null'],
    ]) {
      const answer = await ask(t, engine, { host: cors, fields: { origin: origin! } });
      assert.equal(field(answer, 'access-control-allow-origin'), told, origin);
      assert.equal(field(answer, 'vary'), 'Origin');
    }
    assert.equal((await ask(t, engine, { host: cors, method: 'OPTIONS' })).body.toString(), 'site');
    const open = await ask(t, engine, { host: anybody, fields: { origin: 'https://z.test' } });
    assert.deepEqual([field(open, 'access-control-allow-origin'), field(open, 'vary')], ['*', undefined]);
    const refused = await ask(t, engine, {
      host: anybody,
      path: `/${'a'.repeat(30)}`,
      fields: { origin: 'https://z.test' },
    });
    assert.deepEqual([refused.status, field(refused, 'access-control-allow-origin')], [414, '*']);
  });
}

test('what cannot be set is told, and what may be a secret is not shown', async () => {
  const name = 'shown';
  tsuji.set(`backends/${name}/servers/s/url`, site);
  tsuji.set(`frontends/${name}/backend`, name);
  tsuji.set(`frontends/${name}/routes/r/rule`, `Host:${name}.test`);
  const keys: Record<string, string> = {
    'customrequestheaders/Authorization': 'Basic c2VjcmV0',
    'customrequestheaders/X-Team': 'red',
    'customrequestheaders/Connection': 'close',
    'customresponseheaders/X Y': 'a',
    'customresponseheaders/X-Break': 'a\nb',
    'sslproxyheaders/X-Ssl': '',
    accesscontrolalloworiginlist: 'https://a.com/path',
    stsseconds: '-1',
  };
  for (const [key, value] of Object.entries(keys)) tsuji.set(`frontends/${name}/headers/${key}`, value);
  const problems = async () =>
    (await tsuji.status()).problems.filter(({ key }) => key.includes(`frontends/${name}/`)).map(({ key }) => key);
  await waitFor(async () => (await problems()).length >= 6, 'the problems');
  assert.deepEqual((await problems()).map((key) => key.split('/headers/')[1]).sort(), [
    'accesscontrolalloworiginlist',
    'customrequestheaders/Connection',
    'customresponseheaders/X Y',
    'customresponseheaders/X-Break',
    'sslproxyheaders/X-Ssl',
    'stsseconds',
  ]);
  for (const path of ['/api', '/api/status']) {
    const text = await (await tsuji.api(path)).text();
    assert.ok(!text.includes('c2VjcmV0'), `${path} shows a secret`);
    assert.ok(text.includes('"X-Team":"red"'), `${path} shows what is none`);
  }
});
