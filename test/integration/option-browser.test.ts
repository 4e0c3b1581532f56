/** Options that a browser has a part in: its dialogs for passwords, pages of other origins, its decoders. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { startBrowser } from '../harness/browser.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';

const HASH = '{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=';
const PAGE = `<!doctype html><title>a page</title>${'<p>some text</p>'.repeat(500)}`;
const site = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('x-answer', `${request.method} ${request.headers['x-user'] ?? ''}`);
    response.end(PAGE);
  });
});
const url = await listening({ after }, site);

const tsuji = await startTsuji(
  { after },
  {
    noWait: true,
    flags: [
      `--entryPoints=Name:http Address:${OWN_HOST}:0`,
      `--entryPoints=Name:traefik Address:${OWN_HOST}:0 Auth.Basic.Users:test:${HASH}`,
      '--defaultEntryPoints=http',
    ],
  },
);
// The pages of tsuji ask for a password here: harness and browser have it.
tsuji.adminFields = { authorization: `Basic ${Buffer.from('test:test').toString('base64')}` };
const at = (host: string): string => `http://${host}:${tsuji.port}/`;

const PASSWORD = { username: 'test', password: 'test' };

for (const [kind, keys] of [
  ['basic', { 'frontends/$/auth/basic/users': `test:${HASH}` }],
  ['digest', { 'frontends/$/auth/digest/users': 'test:traefik:a2688e031edb4be6a3797f3882655c05' }],
] as const) {
  test(`the dialog of a browser for ${kind} auth leads to the page, and to 401 with a wrong password`, async (t) => {
    const host = await addRoute(tsuji, [url], { ...keys, 'frontends/$/auth/headerfield': 'X-User' });
    const page = await (await startBrowser(t, PASSWORD)).newPage();
    for (const path of ['', 'other?a=b%20c', '']) {
      const answer = await page.goto(at(host) + path);
      assert.deepEqual([answer?.status(), answer?.headers()['x-answer']], [200, 'GET test'], path);
    }
    assert.equal(await page.title(), 'a page');
    const stranger = await (await startBrowser(t, { ...PASSWORD, password: 'tesu' })).newPage();
    assert.equal((await stranger.goto(at(host)))?.status(), 401);
  });
}

test('the dashboard asks for its password and then is what it always is', async (t) => {
  const page = await (await startBrowser(t, PASSWORD)).newPage();
  const home = `http://${OWN_HOST}:${tsuji.adminPort}/dashboard/`;
  assert.equal((await page.goto(home))?.status(), 200);
  await page.getByText('frontends', { exact: false }).first().waitFor();
  const stranger = await (await startBrowser(t)).newPage();
  await assert.rejects(stranger.goto(home), /ERR_INVALID_AUTH_CREDENTIALS/);
});

test('a page of an allowed origin may ask another host for anything that was allowed, and no other page may', async (t) => {
  const [friend, stranger] = [await addRoute(tsuji, [url]), await addRoute(tsuji, [url])];
  const api = await addRoute(tsuji, [url], {
    'frontends/$/headers/accesscontrolalloworiginlist': at(friend).slice(0, -1),
    'frontends/$/headers/accesscontrolallowmethods': 'GET, PUT',
    'frontends/$/headers/accesscontrolallowheaders': 'X-Own',
    'frontends/$/headers/accesscontrolallowcredentials': 'true',
    'frontends/$/headers/accesscontrolexposeheaders': 'X-Answer',
    'frontends/$/headers/accesscontrolmaxage': '60',
  });
  const page = await (await startBrowser(t)).newPage();
  const ask = (method: string, name: string): Promise<string> =>
    page.evaluate(
      async ([target, method, name]) => {
        try {
          const answer = await fetch(target, { method, headers: { [name]: '1' }, credentials: 'include' });
          return answer.headers.get('x-answer') ?? 'not exposed';
        } catch (error) {
          return String(error).split(':')[0];
        }
      },
      [at(api), method, name],
    );
  await page.goto(at(friend));
  assert.equal(await ask('PUT', 'X-Own'), 'PUT');
  assert.equal(await ask('GET', 'Accept'), 'GET');
  assert.equal(await ask('DELETE', 'X-Own'), 'TypeError');
  assert.equal(await ask('PUT', 'X-Other'), 'TypeError');
  await page.goto(at(stranger));
  assert.equal(await ask('PUT', 'X-Own'), 'TypeError');
  assert.equal(await ask('GET', 'Accept'), 'TypeError');
});

test('a browser reads a page whatever it is compressed with', async (t) => {
  const page = await (await startBrowser(t)).newPage();
  for (const encoding of ['gzip', 'br', 'zstd']) {
    const host = await addRoute(tsuji, [url], { 'frontends/$/compress/encodings': encoding });
    // Over the clear a browser takes gzip and deflate only, by itself.
    await page.setExtraHTTPHeaders({ 'accept-encoding': encoding });
    const answer = await page.goto(at(host));
    assert.equal(answer?.headers()['content-encoding'], encoding);
    if (encoding === 'gzip') assert.equal((await page.content()).length > 8_000, true);
  }
});
