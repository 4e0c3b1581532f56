/** Secrets that stand in keys of every kind, well written and badly, are on no page and in no line of the log. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient } from '../harness/raw.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const SECRET = 's3cr3t';
const KEY_PEM = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`;

const KEYS: Record<string, string> = {
  'backends/b/servers/good/url': `http://joe:${SECRET}@127.0.0.1:1`,
  'backends/b/servers/token/url': `http://${SECRET}@127.0.0.1:2`,
  'backends/b/servers/port/url': `http://joe:${SECRET}@127.0.0.1:99999`,
  'backends/b/servers/scheme/url': `ftp://joe:${SECRET}@127.0.0.1`,
  'backends/b/servers/path/url': `http://joe:${SECRET}@127.0.0.1:3/a/b?c`,
  'backends/b/servers/host/url': `http://joe:${SECRET}@:80`,
  'backends/b/servers/broken/url': `//joe:${SECRET}@127.0.0.1`,
  'backends/b/servers/out/url': `http://joe:${SECRET}@127.0.0.1:4`,
  'backends/b/servers/out/tags': 'old',
  'backends/b/healthcheck/path': '/health',
  'backends/b/healthcheck/interval': '100ms',
  'backends/b/healthcheck/headers/Authorization': `Bearer ${SECRET}`,
  'backends/b/healthcheck/headers/X-Token': SECRET,
  'backends/b/healthcheck/headers/X-Bad': `${SECRET}\u0001`,
  'frontends/f/backend': 'b',
  'frontends/f/routes/r/rule': 'Host:secrets.test',
  'frontends/f/headers/customrequestheaders': `Authorization:Basic ${SECRET}`,
  'frontends/basic/backend': 'b',
  'frontends/basic/auth/basic/users': `joe:${SECRET}`,
  'frontends/older/backend': 'b',
  'frontends/older/basicauth': `joe:${SECRET}`,
  'frontends/digest/backend': 'b',
  'frontends/digest/auth/digest/users/0': `joe:realm:${SECRET}`,
  'frontends/forward/backend': 'b',
  'frontends/forward/auth/forward/tls/key': KEY_PEM,
  'tls/pem/certificate/certfile': '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----',
  'tls/pem/certificate/keyfile': KEY_PEM,
  'tls/swapped/certificate/certfile': KEY_PEM,
  'tls/swapped/certificate/keyfile': KEY_PEM,
  'entrypoints/guarded/address': `${OWN_HOST}:0`,
  'entrypoints/guarded/auth/basic/users/0': `joe:${SECRET}`,
  'entrypoints/secure/address': `${OWN_HOST}:0`,
  'entrypoints/secure/tls/certificates/0/certfile': KEY_PEM,
  'entrypoints/secure/tls/certificates/0/keyfile': KEY_PEM,
  'acme/dnschallenge/token': SECRET,
};

async function pagesOf(tsuji: Tsuji): Promise<Map<string, string>> {
  const paths = [
    ...['/api', '/api/providers', '/api/providers/folder', '/api/status', '/health', '/metrics', '/ping', '/readyz'],
    ...['/api/providers/folder/backends/b', '/api/providers/folder/backends/b/servers/good'],
    ...['/api/providers/folder/frontends/f', '/dashboard/', '/dashboard/main.js', '/nothing'],
  ];
  const pages = new Map<string, string>();
  for (const path of paths) pages.set(path, await (await tsuji.api(path)).text());
  return pages;
}

test('secrets in keys are on no page and in no line of the log', async (t) => {
  const tsuji = await startTsuji(t, { keys: KEYS, flags: ['--constraints=tag!=old', '--logLevel=DEBUG'] });
  // Its servers are found down, and one of them is asked in vain.
  await tsuji.waitForStatus((status) => JSON.stringify(status).includes('"state":"down"'), 'a server to be down');
  const client = await rawClient(t, tsuji.portOf('http'));
  client.send('GET / HTTP/1.1\r\nHost: secrets.test\r\nConnection: close\r\n\r\n');
  assert.doesNotMatch(await client.untilClosed(), new RegExp(SECRET));
  const events = await rawClient(t, tsuji.adminPort);
  events.send('GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor(() => /event: live\n[^\n]*\n\n/.test(events.received), 'the first events');
  const pages = await pagesOf(tsuji);
  pages.set('/api/events', events.received);
  pages.set('the log', tsuji.output);
  // What is looked for is there at all.
  assert.match(pages.get('/api/status')!, /"url":"http:\/\/127\.0\.0\.1:1"/);
  assert.match(pages.get('/api/status')!, /"headerNames":\["Authorization"/);
  assert.match(pages.get('/api/providers/folder/backends/b')!, /"headers":\{"Authorization":"REDACTED"/);
  for (const [page, text] of pages) {
    const at = text.indexOf(SECRET);
    assert.equal(at, -1, `${page}: …${text.slice(Math.max(at - 200, 0), at + 50)}…`);
  }
});
