import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { AdminServer } from '../../src/control/admin/admin-server.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../src/shared/metrics-layout.ts';
import { startBrowser } from '../harness/browser.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { backend, FakeView, frontend, server, webSettings } from '../unit/control/admin/fake-view.ts';

/** A page whose errors, blocked resources included, fail the test at its end. */
async function openPage(t: TestContext, context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('ERR_CONNECTION_REFUSED')) errors.push(message.text());
  });
  await page.goto(url);
  t.after(() => assert.deepEqual(errors, []));
  return page;
}

function fullView(): FakeView {
  const view = new FakeView();
  view.generationNow = 12;
  view.startedAt = Date.now() - 93_784_000;
  view.put(
    backend(
      'backend1',
      server('server1', 'http://10.0.0.1:80'),
      server('server2', 'http://10.0.0.2:80', 10),
      server('server3', 'http://10.0.0.3:80', 0),
    ),
    backend('shop', server('s1', 'http://10.0.1.1:8080')),
    backend('empty'),
    {
      ...backend('far'),
      leftOut: [{ name: 's7', url: 'http://10.9.0.7', tags: ['us', 'web'], constraint: 'tag==eu*' }],
    },
    frontend('frontend1', 'backend1', 'Host:nginx.example.com'),
    frontend('shop-api', 'shop', 'Host:shop.example.com;PathPrefix:/api', { priority: 50, rank: 50 }),
    frontend('catch-all', 'backend1', '', { routes: [] }),
  );
  view.backendNames = ['backend1', 'shop'];
  view.reject('/traefik/frontends/broken/routes/r1/rule', 'unknown function "Hots"; did you mean "Host"?');
  view.reject('/traefik/backends/shop/maxconn/amount', 'not supported yet', 'ignored');
  view.entryPointList = [
    { name: 'http', address: ':80', port: 80 },
    { name: 'internal', address: '127.0.0.1:8081', port: 8081 },
  ];
  const source = { revision: '4711', confirmedAt: Date.now() - 900, restarts: 0, error: '' };
  view.sourceList = [
    { name: 'etcdv3', state: 'live', ...source },
    { name: 'etcdv2', state: 'stale', ...source, restarts: 3, error: 'connect ECONNREFUSED 127.0.0.1:2379' },
  ];
  view.workerList = [0, 1].map((index) => ({
    index,
    state: 'serving',
    generation: 12,
    restarts: index,
    lostExchanges: 0,
    loop: () => null,
  }));
  view.lanes.push(createMetricsLane([0.1, 1]));
  const lane = new MetricsLane(view.lanes[0]);
  for (let i = 0; i < 4000; i++) {
    const seconds = 0.0008 + (i % 100) * 0.00002;
    const code = i % 500 === 0 ? 502 : 200;
    lane.entryPointDone(0, 'GET', code, PROTOCOL.http, seconds, 0, 100);
    lane.backendDone(i % 4 === 0 ? 1 : 0, 'GET', code, PROTOCOL.http, seconds, 0, 100);
  }
  lane.exchangeOpened(0, 'GET', PROTOCOL.http);
  return view;
}

async function startAdmin(t: TestContext, view: FakeView, path = '/', port = 0) {
  const admin = new AdminServer(view, webSettings({ port, path }));
  const { port: real } = await admin.listen();
  t.after(() => admin.close());
  return { admin, port: real, url: `http://${OWN_HOST}:${real}${path}dashboard/` };
}

test('the dashboard', async (t) => {
  const context = await startBrowser(t);

  await t.test('lists entrypoints, frontends, backends, servers, sources, workers and bad keys', async (t) => {
    const page = await openPage(t, context, (await startAdmin(t, fullView())).url);
    await page.getByRole('status').getByText('Live').waitFor();
    const row = (table: string, name: string) =>
      page
        .getByRole('table', { name: table })
        .getByRole('row')
        .filter({ has: page.getByRole('rowheader', { name }) });
    await row('Entrypoints', 'internal').getByText('127.0.0.1:8081').waitFor();
    await row('Frontends', 'shop-api').getByText('Host:shop.example.com;PathPrefix:/api').waitFor();
    await row('Frontends', 'catch-all').getByText('every request').waitFor();
    await row('Backends', 'backend1').getByText('http://10.0.0.2:80').waitFor();
    await row('Backends', 'backend1').getByText('3,000').waitFor();
    await row('Backends', 'empty').getByText('no server').waitFor();
    await row('Backends', 'far').getByText('left out by tag==eu* · tags us, web').waitFor();
    await row('Sources of keys', 'etcdv2').getByText('connect ECONNREFUSED').waitFor();
    await row('Workers', '1').getByText('serving').waitFor();
    await row('Keys with problems', '/traefik/frontends/broken/routes/r1/rule').getByText('did you mean').waitFor();
    const p99 = await row('Entrypoints', 'http').getByRole('cell').nth(7).textContent();
    assert.equal(p99, '2.8 ms');
    if (process.env.TSUJI_SCREENSHOTS) {
      const folder = process.env.TSUJI_SCREENSHOTS;
      await page.screenshot({ path: `${folder}/light.png`, fullPage: true });
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.screenshot({ path: `${folder}/dark.png`, fullPage: true });
      await page.setViewportSize({ width: 390, height: 800 });
      await page.screenshot({ path: `${folder}/phone.png`, fullPage: true });
    }
  });

  await t.test('follows changes without reloading', async (t) => {
    const view = fullView();
    const page = await openPage(t, context, (await startAdmin(t, view)).url);
    const frontends = page.getByRole('table', { name: 'Frontends' });
    await frontends.getByText('Host:nginx.example.com').waitFor();
    await page.evaluate('globalThis.marked = document.querySelector("#frontends-table tbody tr")');
    view.put(frontend('frontend2', 'shop', 'Host:new.example.com'), backend('shop', server('s9', 'http://10.0.9.9:9')));
    view.frontends.delete('frontend1');
    view.generationNow = 13;
    view.changed();
    await frontends.getByText('Host:new.example.com').waitFor();
    await frontends.getByText('Host:nginx.example.com').waitFor({ state: 'detached' });
    await page.getByText('http://10.0.9.9:9').waitFor();
    // The same page, and rows that did not change were not made anew.
    assert.equal(await page.evaluate('globalThis.marked.isConnected'), true);
    view.keyProblems.clear();
    view.changed();
    await page.getByRole('heading', { name: 'Keys with problems' }).waitFor({ state: 'hidden' });
  });

  await t.test('shows markup in keys as text', async (t) => {
    const view = fullView();
    const attack = '<img src=x onerror="globalThis.hit=1"><script>globalThis.hit=1</script>';
    view.put(frontend(attack, 'backend1', `Host:${attack}`), backend(attack, server(attack, 'http://10.0.0.1:80')));
    view.reject(`/traefik/${attack}`, attack);
    view.sourceList = [{ name: 'etcdv3', state: 'stale', revision: '', confirmedAt: 0, restarts: 0, error: attack }];
    const page = await openPage(t, context, (await startAdmin(t, view)).url);
    await page.getByText(`Host:${attack}`).waitFor();
    assert.equal(await page.getByText(attack).count(), 7);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.evaluate('globalThis.hit'), undefined);
  });

  await t.test('shows what hides or turns text by its number', async (t) => {
    const view = fullView();
    const attack = 'a\u202egnp.exe\u2066\u200b\ufeff\u009b\u2028z';
    view.put(frontend(attack, 'backend1', `Host:${attack}`), backend(attack, server(attack, 'http://10.0.0.1:80')));
    view.reject(`/traefik/${attack}`, attack);
    view.sourceList = [{ name: 'etcdv3', state: 'stale', revision: '', confirmedAt: 0, restarts: 0, error: attack }];
    const page = await openPage(t, context, (await startAdmin(t, view)).url);
    await page.getByText('Host:a\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{feff}\\u{9b}\\u{2028}z').waitFor();
    const text = await page.locator('main').innerText();
    assert.doesNotMatch(text, /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\x80-\x9f]/u);
  });

  await t.test('stays quick with a thousand frontends and finds one by the filter', async (t) => {
    const view = fullView();
    for (let i = 0; i < 1000; i++) {
      view.put(
        backend(`b${i}`, server('s', `http://10.1.0.1:${i + 1}`)),
        frontend(`f${i}`, `b${i}`, `Host:h${i}.example`),
      );
    }
    const page = await openPage(t, context, (await startAdmin(t, view)).url);
    await page.getByRole('heading', { name: 'Frontends 1,003' }).waitFor();
    assert.ok((await page.locator('tbody tr').count()) < 300);
    await page.getByLabel('Filter frontends').fill('h777');
    await page.getByText('Host:h777.example').waitFor();
    await page.getByRole('heading', { name: 'Frontends 1 of 1,003' }).waitFor();
    await page.getByLabel('Filter frontends').fill('no such thing');
    await page.getByText('Nothing matches the filter.').first().waitFor();
  });

  await t.test('says when the connection is lost, and comes back by itself', async (t) => {
    const view = fullView();
    const { admin, url, port } = await startAdmin(t, view);
    const page = await openPage(t, context, url);
    const status = page.getByRole('status');
    await status.getByText('Live').waitFor();
    await admin.close();
    await status.getByText('Connection lost').waitFor();
    view.put(frontend('later', 'shop', 'Host:later.example.com'));
    await startAdmin(t, view, '/', port);
    await status.getByText('Live').waitFor();
    await page.getByText('Host:later.example.com').waitFor();
  });

  await t.test('polls when it gets no event stream', async (t) => {
    const view = fullView();
    const admin = new AdminServer(view, webSettings(), { maxEventClients: 0 });
    const { port } = await admin.listen();
    t.after(() => admin.close());
    const page = await context.newPage();
    await page.goto(`http://${OWN_HOST}:${port}/dashboard/`);
    await page.getByRole('status').getByText('Asking every 5 s').waitFor();
    await page.getByText('Host:nginx.example.com').waitFor();
  });

  await t.test('works below a path, on a phone and in the dark', async (t) => {
    const page = await openPage(t, context, (await startAdmin(t, fullView(), '/lb/')).url);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 360, height: 740 });
    await page.getByText('Host:nginx.example.com').waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    assert.equal(overflow, 0);
    await page.getByRole('link', { name: 'Status' }).click();
    await page.waitForURL('**/lb/api/status');
  });
});
