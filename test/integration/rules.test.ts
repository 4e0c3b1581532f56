/** The rule language through a real tsuji: what a server is sent for which request (shared/spec rules). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { type Received, response } from '../harness/exchanges.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { startTsuji } from '../harness/tsuji.ts';

/** Answers with the head that it was sent. */
const echo = await startRawServer(
  { after },
  answering((head) => ok(head)),
);

/** A backslash is written twice in a key. */
const RULES: Record<string, string> = {
  template: 'HostRegexp:{sub:[a-z]+}.template.test;Path:/articles/{id:[0-9]+}',
  any: 'HostRegexp:{sub:[a-z]+\\\\.any}.test',
  strip: 'Host:strip.test;PathPrefixStrip:/api',
  stripTemplate: 'Host:strip.test;PathPrefixStripRegex:/v{n:[0-9]+}/{tenant}',
  stripNothing: 'Host:strip.test;PathStrip:/item/{id}',
  prefix: 'Host:prefix.test;AddPrefix:/base',
  replace: 'Host:replace.test;ReplacePathRegex:^/old/(.*) /new/$1',
  json: 'Host:fields.test;Headers:Accept,application/json',
  upgrade: 'Host:fields.test;HeadersRegexp:X-Forwarded-Proto,^http',
  query: 'Host:fields.test;Query:version={v:[0-9]+},debug=',
  slow: 'Host:slow.test;Path:/{x:(a+)+}',
  never: 'Host:never.test;Path:/{x',
  behind: 'Host:strip.test;PathPrefix:/item',
  guarded: 'Host:guarded.test;Path:/only',
  plain: 'Host:plain.test',
};

const keys: Record<string, string> = { 'backends/b/servers/s/url': echo.url };
for (const [name, rule] of Object.entries(RULES)) {
  keys[`frontends/${name}/backend`] = 'b';
  keys[`frontends/${name}/routes/r/rule`] = rule;
}
keys['frontends/guarded/whitelist/sourcerange'] = '10.0.0.0/8';
const tsuji = await startTsuji({ after }, { workers: 2, keys });

async function ask(
  t: { after(fn: () => unknown): void },
  host: string,
  target: string,
  fields = '',
  method = 'GET',
): Promise<Received> {
  const client = await rawClient(t, tsuji.port);
  client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
  const got = await response(client);
  client.destroy();
  return got;
}

/** The request line and the fields that tell of a modified path, as the server got them. */
function sent({ status, body }: Received): string[] {
  assert.equal(status, 200, body);
  const [line, ...fields] = body.trimEnd().split('\r\n');
  return [
    line.replace(/^GET (.*) HTTP\/1\.1$/, '$1'),
    ...fields.filter((field) => /^x-(forwarded-p|repl)/i.test(field)),
  ].filter((field) => !/^x-forwarded-(port|proto)/i.test(field));
}

test('templates route by host and path', async (t) => {
  assert.deepEqual(sent(await ask(t, 'www.TEMPLATE.test', '/articles/12?x=1')), ['/articles/12?x=1']);
  assert.equal((await ask(t, 'a.b.template.test', '/articles/12')).status, 404);
  assert.equal((await ask(t, 'www.template.test', '/articles/ab')).status, 404);
  assert.equal((await ask(t, 'a.any.test', '/')).status, 200);
  assert.equal((await ask(t, 'a-any.test', '/')).status, 404);
  const redirect = await ask(t, 'www.template.test', '/articles/12/?x=1');
  assert.equal(redirect.status, 301);
  assert.match(redirect.statusLine + JSON.stringify(redirect), /\/articles\/12\?x=1/);
});

test('a stripped prefix is told to the server, and the rest stays encoded as it was', async (t) => {
  assert.deepEqual(sent(await ask(t, 'strip.test', '/api/a%2Fb//c?q=%20')), [
    '/a%2Fb//c?q=%20',
    'x-forwarded-prefix: /api',
  ]);
  assert.deepEqual(sent(await ask(t, 'strip.test', '/api')), ['/', 'x-forwarded-prefix: /api']);
  assert.deepEqual(sent(await ask(t, 'strip.test', '/a%70i/a%2Fb%20c')), ['/a/b%20c', 'x-forwarded-prefix: /api']);
  assert.deepEqual(sent(await ask(t, 'strip.test', '/v2/shop/a%7Cb')), ['/a%7Cb', 'x-forwarded-prefix: /v2/shop']);
  assert.equal((await ask(t, 'strip.test', '/item/1')).status, 404);
});

test('what the client sends in a path cannot become a field', async (t) => {
  const got = await ask(t, 'strip.test', '/v1/x%0d%0aX-Evil:%201%00%ff/rest');
  assert.deepEqual(sent(got), ['/rest', 'x-forwarded-prefix: /v1/x%0D%0AX-Evil: 1%00%FF']);
  assert.doesNotMatch(got.body, /^x-evil/im);
});

test('prefixes are added and paths replaced', async (t) => {
  assert.deepEqual(sent(await ask(t, 'prefix.test', '/b%2Fc?q')), ['/base/b%2Fc?q']);
  assert.deepEqual(sent(await ask(t, 'replace.test', '/old/a%20b?q=1')), [
    '/new/a%20b?q=1',
    'x-replaced-path: /old/a b',
  ]);
  assert.deepEqual(sent(await ask(t, 'replace.test', '/other%7e')), ['/other%7e']);
  assert.equal((await ask(t, 'replace.test', '/old/%zz')).status, 400);
});

test('fields and the query choose the frontend', async (t) => {
  assert.equal((await ask(t, 'fields.test', '/')).status, 404);
  assert.equal((await ask(t, 'fields.test', '/', 'Accept: application/json\r\n')).status, 200);
  assert.equal((await ask(t, 'fields.test', '/', 'Accept: text/html\r\n')).status, 404);
  assert.equal((await ask(t, 'fields.test', '/', 'X-Forwarded-Proto: https\r\n')).status, 200);
  assert.equal((await ask(t, 'fields.test', '/?debug&version=1%32')).status, 200);
  assert.equal((await ask(t, 'fields.test', '/?debug&version=x')).status, 404);
});

test('nothing behind the first frontend that matches is asked, even when nothing can be stripped', async (t) => {
  assert.equal((await ask(t, 'strip.test', '/item/1')).status, 404);
  assert.deepEqual(sent(await ask(t, 'strip.test', '/item/1/2')), ['/item/1/2']);
});

test('a slash redirect comes before the guards of its frontend, with a text for GET only', async (t) => {
  assert.equal((await ask(t, 'guarded.test', '/only')).status, 403);
  const moved = await ask(t, 'guarded.test', '/onl%79%2F?a=<b>');
  assert.equal(moved.status, 301);
  assert.equal(moved.body, '<a href="/only?a=%3Cb%3E">Moved Permanently</a>.\n\n');
  const posted = await ask(t, 'guarded.test', '/only/', 'Content-Length: 0\r\n', 'POST');
  assert.deepEqual([posted.status, posted.body], [301, '']);
  assert.doesNotMatch(JSON.stringify(posted), /content-type/i);
});

test('slashes and dot segments of a path are forwarded as they were sent', async (t) => {
  for (const target of ['/x/./y//z/../', '//x', '/..', '/x/%2e%2E/y?a//b']) {
    assert.deepEqual(sent(await ask(t, 'plain.test', target)), [target]);
  }
});

test('no request makes a pattern slow', async (t) => {
  const start = performance.now();
  const got = await ask(t, 'slow.test', `/${'a'.repeat(8_000)}!`);
  assert.ok([404, 431].includes(got.status), got.statusLine);
  const elapsed = performance.now() - start;
  assert.ok(elapsed < 2_000, `${elapsed} ms`);
});

test('a rule that can never match is served and reported', async (t) => {
  assert.equal((await ask(t, 'never.test', '/x')).status, 404);
  const problems = JSON.stringify(await tsuji.status());
  assert.match(problems, /frontends\/never\/routes\/r\/rule","state":"defaulted","reason":"[^}]*never matches/);
});

test('a changed pattern is in force at once, over many generations', async (t) => {
  for (let i = 0; i < 5; i++) {
    tsuji.set('frontends/any/routes/r/rule', `HostRegexp:{sub:[a-c]+${i}}.any.test;AddPrefix:/g${i}`);
    await tsuji.waitForStatus(
      (status) => JSON.stringify(status).includes(`AddPrefix:/g${i}`) && status.settled && status.settled,
      `generation ${i}`,
    );
    assert.deepEqual(sent(await ask(t, `abc${i}.any.test`, '/x')), [`/g${i}/x`]);
    assert.equal((await ask(t, `abc${i + 1}.any.test`, '/x')).status, 404);
  }
});
