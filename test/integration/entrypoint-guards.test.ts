/** What entrypoints and frontends do to requests before they go to a server: redirects, allow lists, trust. */
import assert from 'node:assert/strict';
import test, { after, type TestContext } from 'node:test';
import { type Received, response } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** It lets in whom asks for nothing but `/ok`. */
const { url: judge } = await startRawServer(
  { after },
  answering((head) =>
    head.startsWith('GET /ok ')
      ? 'HTTP/1.1 204 No Content\r\nX-Who: judged\r\n\r\n'
      : 'HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nnobody',
  ),
);

const ENTRY_POINTS: Readonly<Record<string, string>> = {
  http: '',
  closed: 'WhiteList.SourceRange:10.0.0.0/8',
  open: 'WhiteList.SourceRange:10.0.0.0/8,127.0.0.1',
  chain: 'WhiteList.SourceRange:10.0.0.0/8 WhiteList.UseXForwardedFor:true',
  untrusted: 'ForwardedHeaders.TrustedIPs:10.0.0.0/8',
  nobody: 'ForwardedHeaders.Insecure:false',
  untrustedOurs: 'Engine:tsuji ForwardedHeaders.TrustedIPs:10.0.0.0/8',
  tsuji: 'Engine:tsuji',
  trusted: 'ForwardedHeaders.TrustedIPs:127.0.0.0/8',
  shut: 'ForwardedHeaders.Insecure:false WhiteList.SourceRange:10.0.0.0/8 WhiteList.UseXForwardedFor:true',
  away: 'Redirect.EntryPoint:http',
  forever: 'Redirect.EntryPoint:http Redirect.Permanent:true WhiteList.SourceRange:10.0.0.0/8',
  secure: 'TLS',
  upwards: 'Redirect.EntryPoint:secure',
  basic: 'Auth.Basic.Users:ada:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M= Auth.Basic.RemoveHeader:true Auth.HeaderField:X-User',
  basicOurs: 'Engine:tsuji Auth.Basic.Users:ada:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  digest: 'Auth.Digest.Users:test:traefik:a2688e031edb4be6a3797f3882655c05',
  asking: `Auth.Forward.Address:${judge}/ok Auth.Forward.AuthResponseHeaders:X-Who`,
  refusing: `Auth.Forward.Address:${judge}/no`,
  regex: 'Redirect.Regex:^http://([a-z]+)\\.old\\.test(?::[0-9]+)?/(.*) Redirect.Replacement:http://$1.new.test/$2',
};

const tsuji = await startTsuji(
  { after },
  {
    flags: [
      ...Object.entries(ENTRY_POINTS).map(([name, rest]) => `--entryPoints=Name:${name} Address:${OWN_HOST}:0 ${rest}`),
      `--defaultEntryPoints=${Object.keys(ENTRY_POINTS)}`,
    ],
  },
);

let lastHead = '';
const server = await startRawServer(
  { after },
  answering((head) => {
    lastHead = head;
    return head.startsWith('HEAD ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : ok('ok');
  }),
);
const host = await addRoute(tsuji, [server.url]);

async function ask(
  t: TestContext,
  entryPoint: string,
  fields = '',
  { method = 'GET', target = '/', name = host }: { method?: string; target?: string; name?: string } = {},
): Promise<Received> {
  const client = await rawClient(t, tsuji.portOf(entryPoint));
  client.send(`${method} ${target} HTTP/1.1\r\nHost: ${name}\r\n${fields}\r\n`);
  return response(client, method);
}

const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

test('an allow list lets in whom it names and answers everybody else with 403', async (t) => {
  assert.equal((await ask(t, 'open')).status, 200);
  for (const fields of ['', HANDSHAKE, 'X-Forwarded-For: 10.0.0.1\r\n']) {
    const refused = await ask(t, 'closed', fields);
    assert.equal(refused.status, 403);
    assert.equal(refused.body, 'Forbidden');
  }
});

test('an allow list that uses X-Forwarded-For lets in whom any address of it names, up to one that is none', async (t) => {
  const statuses: [string, number][] = [
    ['10.1.1.1', 200],
    ['203.0.113.1, 10.1.1.1', 200],
    ['203.0.113.1', 403],
    ['unknown, 10.1.1.1', 403],
    ['10.1.1.1, unknown', 200],
  ];
  for (const [value, status] of statuses) {
    assert.equal((await ask(t, 'chain', `X-Forwarded-For: ${value}\r\n`)).status, status, value);
  }
  assert.equal((await ask(t, 'chain')).status, 403);
  assert.equal((await ask(t, 'chain', 'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.0.0.1\r\n')).status, 200);
});

const TOLD =
  'X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\nX-Real-Ip: 198.51.100.7\r\n' +
  'X-Forwarded-Port: 4433\r\nX-Forwarded-Server: s\r\nX-Forwarded-Uri: /u\r\nX-Forwarded-Method: PUT\r\n' +
  'X-Forwarded-Prefix: /p\r\nForwarded: for=198.51.100.7\r\nX-Replaced-Path: /r\r\n' +
  'X-Forwarded-Tls-Client-Cert: c\r\nX-Forwarded-Tls-Client-Cert-Infos: i\r\nX-Forwarded-Anything: a\r\n';

/** What a server behind CGI takes for one of those. */
const DISGUISED =
  'X_Forwarded_For: 203.0.113.9\r\nX.Real.Ip: 203.0.113.9\r\nX-Forwarded_Proto: evil\r\nx_forwarded_tls_client_cert: evil\r\n' +
  'X~Forwarded-Prefix: /evil\r\nX_Replaced_Path: /evil\r\n';
const HARMLESS = 'X-Forwarding: 1\r\nX_Real: 1\r\nX-Frame: 1\r\nX-Request_Id: 1\r\n';

test('the forwarded fields of a client are believed by default and when its address is trusted', async (t) => {
  for (const entryPoint of ['http', 'trusted']) {
    await ask(t, entryPoint, TOLD);
    assert.match(lastHead, /^x-forwarded-for: 198\.51\.100\.7, 127\.0\.0\.1\r$/m);
    assert.match(lastHead, /^x-forwarded-proto: https\r$/m);
    assert.match(lastHead, /^x-forwarded-uri: \/u\r$/m);
  }
});

test('from a client that is not trusted they are taken off, whichever they are', async (t) => {
  for (const entryPoint of ['untrusted', 'nobody', 'untrustedOurs']) {
    await ask(t, entryPoint, TOLD + HARMLESS);
    assert.match(lastHead, /^x-forwarded-for: 127\.0\.0\.1\r$/m);
    assert.match(lastHead, /^x-real-ip: 127\.0\.0\.1\r$/m);
    assert.match(lastHead, /^x-forwarded-proto: http\r$/m);
    assert.match(lastHead, /^x-forwarded-port: 80\r$/m);
    assert.match(lastHead, new RegExp(`^x-forwarded-host: ${host}\r$`, 'm'));
    assert.doesNotMatch(lastHead, /-uri|-method|-prefix|-cert|-anything|^forwarded|replaced|198\.51|a\.example|: s\r/m);
    assert.match(lastHead, /^x-forwarding: 1\r\nx_real: 1\r\nx-frame: 1\r\nx-request_id: 1\r$/m);
  }
});

test('no redirect has a Location that is no URI: what is no host is refused, the target is encoded', async (t) => {
  for (const name of ['[::1', '[::1]x', 'a b', 'a"b', '::1']) {
    assert.equal((await ask(t, 'away', '', { name })).status, 400, name);
  }
  const found = await ask(t, 'away', '', { name: '[::1]:99', target: '/a"<b>|%zz%41?[x]\\^#y#z' });
  const port = tsuji.portOf('http');
  assert.deepEqual(found.fields.get('location'), [`http://[::1]:${port}/a%22%3Cb%3E%7C%25zz%41?%5Bx%5D%5C%5E#y%23z`]);
});

test('in another spelling they are taken off from everybody, of requests and handshakes, on both engines', async (t) => {
  for (const entryPoint of ['http', 'trusted', 'untrusted', 'tsuji', 'untrustedOurs']) {
    for (const rest of ['', HANDSHAKE]) {
      lastHead = '';
      await ask(t, entryPoint, DISGUISED + HARMLESS + rest);
      assert.doesNotMatch(lastHead, /evil|203\.0\.113/, `${entryPoint}: ${lastHead}`);
      assert.match(lastHead, /^x-forwarded-for: 127\.0\.0\.1\r$/m);
      assert.match(lastHead, /^x_real: 1\r$/m);
    }
  }
});

test('an X-Forwarded-For that is not believed opens no allow list', async (t) => {
  assert.equal((await ask(t, 'shut', 'X-Forwarded-For: 10.0.0.1\r\n')).status, 403);
});

test('a redirect to another entrypoint keeps host, path and query and names the port', async (t) => {
  const port = tsuji.portOf('http');
  const found = await ask(t, 'away', '', { target: '/a%2Fb/?c=d&e', name: 'any.example:8080' });
  assert.equal(found.statusLine, 'HTTP/1.1 302 Found');
  assert.equal(found.body, 'Found');
  assert.deepEqual(found.fields.get('location'), [`http://any.example:${port}/a%2Fb/?c=d&e`]);
  const literal = await ask(t, 'away', '', { name: '[::1]', target: '/y' });
  assert.equal(literal.status, 302);
  assert.deepEqual(literal.fields.get('location'), [`http://[::1]:${port}/y`]);
  const text = await ask(t, 'away', '', { target: Buffer.from('/é"').toString('latin1') });
  assert.deepEqual(text.fields.get('location'), [`http://${host}:${port}/%C3%A9%22`]);
});

test('the status of a redirect keeps the method, and says whether it is for ever', async (t) => {
  const statuses: [string, string, number][] = [
    ['away', 'GET', 302],
    ['away', 'HEAD', 307],
    ['away', 'DELETE', 307],
    ['forever', 'GET', 301],
    ['forever', 'HEAD', 308],
    ['forever', 'OPTIONS', 308],
  ];
  for (const [entryPoint, method, status] of statuses) {
    assert.equal((await ask(t, entryPoint, '', { method })).status, status, `${entryPoint} ${method}`);
  }
  assert.equal((await ask(t, 'away', HANDSHAKE)).status, 302);
});

test('who asks by the scheme and port of the target already is served and not sent in circles', async (t) => {
  assert.equal((await ask(t, 'away', '', { name: `${host}:${tsuji.portOf('http')}` })).status, 200);
  const secure = await ask(t, 'away', 'X-Forwarded-Proto: https\r\n', { name: `${host}:${tsuji.portOf('http')}` });
  assert.equal(secure.status, 302);
});

test('a redirect to an entrypoint with TLS makes the scheme https; behind TLS that has ended already it serves', async (t) => {
  const port = tsuji.portOf('secure');
  assert.deepEqual((await ask(t, 'upwards')).fields.get('location'), [`https://${host}:${port}/`]);
  const ended = await ask(t, 'upwards', 'X-Forwarded-Proto: https\r\n', { name: `${host}:${port}` });
  assert.equal(ended.status, 200);
});

test('a redirect by pattern replaces its matches and lets everything else through', async (t) => {
  const moved = await ask(t, 'regex', '', { name: 'shop.old.test:81', target: '/x?y=1' });
  assert.deepEqual(moved.fields.get('location'), ['http://shop.new.test/x?y=1']);
  assert.equal((await ask(t, 'regex')).status, 200);
  assert.equal((await ask(t, 'regex', '', { name: 'other.test' })).status, 404);
});

test('a frontend has its own allow list and redirects, and they go live with their keys', async (t) => {
  const listed = await addRoute(tsuji, [server.url], { 'frontends/$/whitelist/sourcerange': '10.0.0.0/8, 192.0.2.1' });
  assert.equal((await ask(t, 'http', '', { name: listed })).body, 'Forbidden');
  tsuji.set(`frontends/${listed.slice(0, -5)}/whitelist/usexforwardedfor`, 'true');
  await waitFor(async () => {
    const { status } = await ask(t, 'http', 'X-Forwarded-For: 192.0.2.1\r\n', { name: listed });
    return status === 200;
  }, 'X-Forwarded-For to be used');
  const sent = await addRoute(tsuji, [server.url], {
    'frontends/$/redirect/entrypoint': 'http',
    'frontends/$/redirect/permanent': 'true',
  });
  assert.equal((await ask(t, 'http', '', { name: sent })).status, 200);
  const moved = await ask(t, 'trusted', '', { name: sent, target: '/a?b' });
  assert.equal(moved.status, 301);
  assert.deepEqual(moved.fields.get('location'), [`http://${sent}:${tsuji.portOf('http')}/a?b`]);
  const renamed = await addRoute(tsuji, [server.url], {
    'frontends/$/redirect/regex': '^http://[^/]+/(.*)\\\\.php$',
    'frontends/$/redirect/replacement': 'http://b.test/$1',
  });
  assert.deepEqual((await ask(t, 'http', '', { name: renamed, target: '/a.php' })).fields.get('location'), [
    'http://b.test/a',
  ]);
  assert.equal((await ask(t, 'http', '', { name: renamed, target: '/a.html' })).status, 200);
  const shown = await (await tsuji.api(`/api/providers/folder/frontends/${sent.slice(0, -5)}`)).json();
  assert.deepEqual((shown as { redirect: object }).redirect, { entryPoint: 'http', permanent: true });
});

const basicOf = (password: string): string =>
  `Authorization: Basic ${Buffer.from(`ada:${password}`).toString('base64')}\r\n`;

test('the auth of an entrypoint guards all that it serves, also what no route is for', async (t) => {
  for (const entryPoint of ['basic', 'basicOurs', 'digest', 'refusing']) {
    for (const name of [host, 'nothing-here.test']) {
      for (const fields of ['', HANDSHAKE, basicOf('tesu')]) {
        lastHead = '';
        const { status } = await ask(t, entryPoint, fields, { name });
        assert.deepEqual([status, lastHead], [entryPoint === 'refusing' ? 403 : 401, ''], `${entryPoint} ${name}`);
      }
    }
  }
  assert.equal((await ask(t, 'refusing')).body, 'nobody');
  assert.match((await ask(t, 'digest')).fields.get('www-authenticate')![0], /^Digest realm="traefik", nonce="/);
  for (const entryPoint of ['basic', 'basicOurs']) {
    assert.equal((await ask(t, entryPoint, basicOf('test'))).status, 200);
    assert.equal((await ask(t, entryPoint, basicOf('test'), { name: 'nothing-here.test' })).status, 404);
  }
  await ask(t, 'basic', `X-User: root\r\n${basicOf('test')}`);
  assert.match(lastHead, /^x-user: ada\r$/im);
  assert.doesNotMatch(lastHead, /authorization|root/i);
  assert.equal((await ask(t, 'asking')).status, 200);
  assert.match(lastHead, /^x-who: judged\r$/im);
});

test('who passes the auth of the entrypoint is still asked by that of the frontend', async (t) => {
  const both = await addRoute(tsuji, [server.url], {
    'frontends/$/auth/basic/users': 'bob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  });
  assert.equal((await ask(t, 'basic', basicOf('test'), { name: both })).status, 401);
  const bob = `Authorization: Basic ${Buffer.from('bob:test').toString('base64')}\r\n`;
  assert.equal((await ask(t, 'http', bob, { name: both })).status, 200);
});

test('redirects and refusals are counted with their status', async () => {
  const metrics = await tsuji.metrics();
  for (const [entryPoint, kind] of [
    ['basic', 'basic'],
    ['digest', 'digest'],
    ['asking', 'forward'],
  ]) {
    const line = `^tsuji_auth_requests_total\\{entrypoint="${entryPoint}",kind="${kind}",result="(?:ok|refused)"\\} [1-9]`;
    assert.match(metrics, new RegExp(line, 'm'));
  }
  assert.match(metrics, /^tsuji_auth_duration_seconds_count\{entrypoint="basic"\} [1-9]/m);
  assert.match(
    metrics,
    /entrypoint_requests_total\{code="403",method="GET",protocol="http",entrypoint="closed"\} [1-9]/,
  );
  assert.match(metrics, /entrypoint_requests_total\{code="302",method="GET",protocol="http",entrypoint="away"\} [1-9]/);
});
