/** The dashboard of a real tsuji in a browser: servers that die and come back, a process that is stopped, a source that is missing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { after } from 'node:test';
import { startBrowser } from '../harness/browser.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { startEtcd } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** An origin that can die and come back at its address. */
class Origin {
  readonly server: Server = createServer((request, response) => {
    request.resume();
    response.end('hello');
  });
  port = 0;

  async live(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, OWN_HOST, resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  die(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const origins = Array.from({ length: 4 }, () => new Origin());
const complaints: string[] = [];

await Promise.all(origins.map((origin) => origin.live()));
const keys: Record<string, string> = {
  'frontends/shop/backend': 'shop',
  'frontends/shop/routes/r/rule': 'Host:shop.test',
  'frontends/campaign/backend': 'shop',
  'frontends/campaign/routes/r/rule': 'Hots:campaign.test',
  'backends/shop/healthcheck/path': '/',
  'backends/shop/healthcheck/interval': '1s',
};
for (const [at, { port }] of origins.entries())
  keys[`backends/shop/servers/s${at + 1}/url`] = `http://${OWN_HOST}:${port}`;
const etcd = await startEtcd({ enableV2: false });
after(() => etcd.stop());
await etcd.ctl(3, 'put', '/traefik/backends/kept/servers/s1/url', `http://${OWN_HOST}:${origins[0].port}`);
await etcd.ctl(3, 'put', '/traefik/frontends/kept/backend', 'kept');
const [tsuji, routed] = await Promise.all([
  startTsuji({ after }, { keys, flags: ['--retry'] }),
  startTsuji({ after }, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, '--etcd.useAPIV3'], workers: 1 }),
]);
// A store is missed after half a minute: until the last test.
await routed.waitForStatus(({ frontends }) => frontends.length === 1, 'the frontend of etcd');
await etcd.kill();
const traffic = setInterval(() => {
  const options = { host: OWN_HOST, port: tsuji.port, headers: { host: 'shop.test' }, agent: false };
  for (let i = 0; i < 2; i++) get(options, (response) => response.resume()).on('error', () => {});
}, 100);
const page = await (await startBrowser({ after })).newPage();
await page.setViewportSize({ width: 1440, height: 900 });
page.setDefaultTimeout(90_000);
page.on('pageerror', (error) => complaints.push(error.message));
page.on('console', (message) => {
  if (message.type() === 'error' && !/ERR_|Failed to load resource/.test(message.text()))
    complaints.push(message.text());
});
await page.goto(`http://${OWN_HOST}:${tsuji.adminPort}/dashboard/`);
after(() => {
  clearInterval(traffic);
  for (const origin of origins) origin.die();
  assert.deepEqual(complaints, []);
});

const verdict = (word: string) => page.locator('.verdict [role=status]').getByText(word, { exact: true }).waitFor();
const row = (name: string) => page.locator('tbody tr').filter({ has: page.getByRole('link', { name, exact: true }) });

test('all is well, with figures of real requests', async () => {
  await verdict('Healthy');
  await row('shop').getByText('4 of 4 servers').waitFor({ state: 'attached' });
  await page.locator('.cell', { hasText: 'Servers' }).getByText('4/4').waitFor();
  await waitFor(
    () => page.evaluate(`Number.parseFloat(document.querySelector('.big').textContent) > 1`),
    `Number.parseFloat(document.querySelector('.big').textContent) > 1`,
  );
});

test('a wrong key is shown with what is wrong in it, and a request is explained', async () => {
  await page.goto(`${page.url().split('#')[0]}#/problems`);
  await page.getByText('/campaign/routes/r/rule').first().waitFor();
  await page.locator('pre u').getByText('Hots').first().waitFor();
  await page.goto(`${page.url().split('#')[0]}#/explain`);
  await page.getByLabel('Address').fill('http://shop.test/a');
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await page.locator('.short').getByRole('link', { name: 'shop' }).first().waitFor();
  await page.getByText('GET /a HTTP/1.1').waitFor();
  // What is secret stands in no address and is not kept.
  await page.getByLabel('Headers, one a line').fill('X-A: seen\nAuthorization: Basic hidden');
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await page.getByText('authorization: REDACTED').waitFor();
  assert.match(page.url(), /X-A/);
  assert.ok(!`${page.url()} ${await page.evaluate('JSON.stringify(localStorage)')}`.includes('hidden'));
});

test('a server that dies is red with its word, its backend impaired, the others plain; and back again', async () => {
  origins[1].die();
  await page.goto(`${page.url().split('#')[0]}#/backends/shop`);
  await row('s2').locator('[data-shape=bad]').waitFor();
  await row('s2')
    .getByText(/^(?:down|ejected|in rotation, fails)$/)
    .first()
    .waitFor();
  await row('s2').getByText('ECONNREFUSED').first().waitFor();
  assert.equal(await page.locator('tr.isbad').count(), 1);
  await page.locator('h1 [data-shape=warn]').waitFor();
  await origins[1].live();
  await page.locator('tr.isbad').waitFor({ state: 'detached' });
});

test('when all servers die it is an outage, everywhere', async () => {
  for (const origin of origins) origin.die();
  await verdict('Outage');
  await waitFor(() => page.evaluate(`document.title.startsWith('✕ OUTAGE')`), `document.title.startsWith('✕ OUTAGE')`);
  await page.locator('link[rel=icon][href="icon-outage.svg"]').waitFor({ state: 'attached' });
  await page.locator('.band.bad').getByText('Outage:').waitFor();
  // Also those that are not ejected.
  await waitFor(async () => (await page.locator('tr.isbad').count()) === 4, 'four red rows');
});

test('a process that does not answer is unknown, and well known again without loading the page', async () => {
  await page.evaluate('globalThis.same = true');
  tsuji.kill('SIGSTOP');
  await verdict('Unknown');
  await waitFor(
    () => page.evaluate(`document.title.startsWith('? no contact')`),
    `document.title.startsWith('? no contact')`,
  );
  tsuji.kill('SIGCONT');
  await verdict('Outage');
  assert.equal(await page.evaluate('globalThis.same'), true);
});

test('a start without its etcd lists what is missing', async (t) => {
  const lost = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${OWN_HOST}:1`], noWait: true, workers: 1 });
  await page.goto(`http://${OWN_HOST}:${lost.adminPort}/dashboard/`);
  await verdict('Starting');
  const servers = page.locator('.cell', { hasText: 'Servers' });
  assert.match(String(await servers.textContent()), /–/);
});

test('an etcd that has stopped is amber and nothing else is, while what it said is routed', async () => {
  await page.goto(`http://${OWN_HOST}:${routed.adminPort}/dashboard/#/frontends`);
  await page.locator('.cell', { hasText: 'Sources' }).locator('[data-shape=warn]').waitFor();
  await verdict('Degraded');
  await page.locator('.band').getByText('has not answered for').first().waitFor();
  await row('kept').getByText('1/1').waitFor();
  assert.equal(await page.locator('.bad, .isbad').count(), 0);
  await origins[0].live();
  const options = { host: OWN_HOST, port: routed.port, agent: false };
  const [response] = await once(get(options), 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
});
