/** The dashboard in a browser, with made-up answers: one browser and one page go through all states and screens. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { after, before, type TestContext } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { type Board, startBoard } from '../harness/board.ts';
import type { Scenario } from '../harness/board-data.ts';
import type { BoardWorld } from '../harness/board-world.ts';
import { startBrowser } from '../harness/browser.ts';
import { waitFor } from '../harness/wait.ts';

const AXE = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const SCREENS = [
  '#/',
  '#/frontends',
  '#/frontends/shop',
  '#/backends',
  '#/backends/checkout',
  '#/backends/checkout/s2',
  '#/problems',
  '#/events',
  '#/certificates',
  '#/live',
  '#/explain',
  '#/nodes',
  '#/settings',
  '#/more',
];

let board: Board;
let context: BrowserContext;
let page: Page;
/** Of the page since it was opened: what its console said, and what it asked of others. */
const complaints: string[] = [];
const cleanUps: (() => unknown)[] = [];

before(async () => {
  board = await startBoard('/some/prefix/');
  context = await startBrowser({ after: (fn) => cleanUps.push(fn) });
  page = await context.newPage();
  page.setDefaultTimeout(90_000);
  await page.setViewportSize({ width: 1440, height: 900 });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(board.url.replace('dashboard/', ''))) complaints.push(`asks ${request.url()}`);
  });
});
after(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  await board.close();
  assert.deepEqual(complaints, []);
});

/** The page anew, in a state. */
async function open(scenario: Scenario, hash = '#/', change?: (world: BoardWorld) => void): Promise<void> {
  board.show(scenario, change);
  await page.goto('about:blank');
  await page.goto(board.url + hash);
  await page.locator('h1').waitFor();
}

/** To another screen of the open page. */
async function go(hash: string): Promise<void> {
  await evaluate(`location.hash = ${JSON.stringify(hash)}`);
  await page.locator('h1').waitFor();
}

const evaluate = <T>(text: string) => page.evaluate(text) as Promise<T>;

/** Title and icon of the tab. */
async function tabIs(title: RegExp, icon: string): Promise<void> {
  await waitFor(async () => title.test(await page.title()), `the title ${title}`);
  await page.locator(`link[rel=icon][href="${icon}"]`).waitFor({ state: 'attached' });
}

const verdict = () => page.locator('.verdict [role=status]');

async function colourOf(selector: string): Promise<string> {
  return evaluate(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).backgroundColor`);
}

test('healthy: everything that matters is in sight, and nothing is red or amber', async () => {
  await open('healthy');
  await verdict().getByText('Healthy').waitFor();
  await page.locator('.wall path').first().waitFor();
  await page.locator('.uplot').nth(2).waitFor();
  await page.locator('tbody tr').nth(9).waitFor();
  const rows = await evaluate<number>(
    '[...document.querySelectorAll("tbody tr")].filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length',
  );
  assert.ok(rows >= 10, `${rows} rows of backends`);
  const inSight = await evaluate<boolean>(
    '[".facts", ".wall", ".chart"].every((name) => document.querySelector(name).getBoundingClientRect().bottom <= innerHeight)',
  );
  assert.ok(inSight);
  const loud = '.bad, .warn, .isbad, .iswarn, .cell-bad, .cell-warn';
  const where = `[...document.querySelectorAll(${JSON.stringify(loud)})].filter((one) => one.closest('.event') === null).map((one) => one.outerHTML)`;
  assert.deepEqual(await evaluate(where), []);
  await tabIs(/^tsuji lb-1$/, 'icon.svg');
  assert.ok((await evaluate<number>('document.querySelectorAll("*").length')) < 2500);
});

test('each level has its word, shape, title and icon, and an outage fills the bar', async () => {
  const levels: [Scenario, string, RegExp, string][] = [
    ['degraded', 'Degraded', /^▲ 1 failing · tsuji lb-1$/, 'icon-degraded.svg'],
    ['starting', 'Starting', /^… starting · tsuji lb-1$/, 'icon-starting.svg'],
    ['outage', 'Outage', /^✕ OUTAGE 97\.3 % 5xx · tsuji lb-1$/, 'icon-outage.svg'],
  ];
  await open('healthy');
  for (const [scenario, word, title, icon] of levels) {
    board.show(scenario);
    await verdict().getByText(word, { exact: true }).waitFor();
    await tabIs(title, icon);
    await page.locator('.band h2').getByText(`${word}:`).waitFor();
  }
  const fill = await evaluate<string>(
    'getComputedStyle(document.documentElement).getPropertyValue("--bad-fill").trim()',
  );
  assert.equal(await colourOf('.bar'), fill === '#b91c16' ? 'rgb(185, 28, 22)' : 'rgb(179, 32, 26)');
  await page.getByRole('alert').getByText('Outage: 97.3 % of requests fail').waitFor({ state: 'attached' });
  // The range of the charts follows by itself.
  await page.getByRole('button', { name: 'Auto · 5 min' }).waitFor();
});

test('an outage shows no server of a failing backend as well, also those that are not ejected', async () => {
  await open('outage');
  await page.locator('tr.isbad').first().waitFor();
  const wrong = await evaluate<number>(
    '[...document.querySelectorAll("tr.isbad .pips i")].filter((pip) => !pip.classList.contains("bad")).length',
  );
  assert.equal(wrong, 0);
  await page.locator('.wall .cell-bad').waitFor();
  const { ok, bad } = await evaluate<Record<string, string>>('({ ...document.querySelector(".wall svg").dataset })');
  assert.ok(Number(bad) > 100 && Number(ok) < 20, `${bad} bad, ${ok} ok`);
});

test('without figures the page says so, keeps what it had, and comes back by itself', async () => {
  await open('degraded');
  await verdict().getByText('Degraded').waitFor();
  const before = await page.locator('.big').first().textContent();
  board.freeze();
  await verdict().getByText('Unknown').waitFor();
  await tabIs(/^\? no contact · tsuji lb-1$/, 'icon-unknown.svg');
  await page.getByText('This page has no contact with tsuji').waitFor();
  assert.equal(await page.locator('.big').first().textContent(), before);
  assert.match(await evaluate('getComputedStyle(document.querySelector("main .grid")).filter'), /grayscale/);
  await page.locator('.fresh').getByText('no contact since').waitFor();
  board.show('degraded');
  await verdict().getByText('Degraded').waitFor();
});

test('a start without sources lists what is missing and claims nothing', async () => {
  await open('starting');
  await page.getByRole('heading', { name: 'What is there, what is missing' }).waitFor();
  await page.getByText('connect ECONNREFUSED 10.0.9.1:2379').first().waitFor();
  await page.getByText('etcdctl put /traefik/frontends/frontend1/backend backend1').waitFor();
  const servers = page.locator('.cell', { hasText: 'Servers' });
  assert.match(String(await servers.textContent()), /–/);
  assert.equal(await servers.locator('.ok').count(), 0);
});

test('nothing configured, nothing found and no traffic have their words', async () => {
  await open('empty');
  await page.getByText('No request in this range.').first().waitFor();
  await page.getByText('No key below /traefik makes a route yet').waitFor();
  await go('#/problems');
  await page.getByText('nothing: every backend answers').waitFor();
  board.show('healthy');
  await go('#/backends?q=nosuchname');
  await page.getByText('Nothing matches.').waitFor();
  await page.getByRole('main').getByRole('button', { name: 'nosuchname ×' }).click();
  await page.getByRole('table', { name: 'Backends' }).getByText('checkout').waitFor();
});

test('filter, sorting and place are in the address, and chips show what is understood', async () => {
  await open('degraded', '#/backends');
  await page.getByRole('button', { name: /^Failing/ }).click();
  await page.locator('.chip').getByText('is:failing').waitFor();
  await waitFor(async () => (await page.locator('table.cards tbody tr').count()) === 1, 'one row');
  assert.match(page.url(), /#\/backends\?q=is%3Afailing$/);
  await page.reload();
  await page.locator('.chip').getByText('is:failing').waitFor();
  await page.keyboard.press('f');
  await page.keyboard.type('colour:red ');
  await page.locator('.chip.wrong').getByText('colour:red').waitFor();
  await page.getByText('there is is, host, backend').waitFor();
  await go('#/backends?sort=-e5');
  await page.locator('th[aria-sort=descending]').getByText('5xx %').waitFor();
  await waitFor(
    async () => ((await page.locator('table.cards tbody tr').first().textContent()) ?? '').includes('checkout'),
    'checkout first',
  );
  await page.locator('th').getByRole('button', { name: 'Backend' }).click();
  await page.locator('th[aria-sort=ascending]').getByText('Backend').waitFor();
});

test('the keyboard alone leads from the search to a server and back to the row', async () => {
  await open('degraded');
  await page.keyboard.press('/');
  await page.keyboard.type('check');
  await page.getByRole('option', { name: /checkout/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('h1').getByText('checkout').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('b');
  await page.locator('table.cards tbody a').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const focused = () => evaluate<string>('document.activeElement.textContent');
  await waitFor(async () => (await focused()) === 'search', 'the focus on search');
  // The focus stays where it is while figures change.
  await page.waitForResponse((response) => response.url().includes('list/backends'));
  assert.equal(await focused(), 'search');
  await page.keyboard.press('Enter');
  await page.locator('h1').getByText('search').waitFor();
  await page.goBack();
  await waitFor(async () => (await focused()) === 'search', 'the focus on search');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).getByText('light or dark').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

test('a chart is read by keys, as a sentence and as a table', async () => {
  await open('degraded', '#/?range=1h');
  const plot = page.locator('.plot').first();
  await page.locator('.uplot').first().waitFor();
  assert.match(
    String(await plot.getAttribute('aria-label')),
    /^Requests per second, last 1 h: now .* highest .* Events: /,
  );
  await plot.focus();
  await page.keyboard.press('ArrowLeft');
  await page
    .locator('.big small')
    .first()
    .getByText(/^\d\d:\d\d:\d\d$/)
    .waitFor();
  await page.getByRole('button', { name: 'As a table' }).first().click();
  await page.getByRole('region', { name: 'Requests per second as a table' }).locator('tbody tr').first().waitFor();
});

test('a chart that is drawn while another range is on its way is drawn by what it had', async () => {
  await open('degraded', '#/more');
  await evaluate(`{
    globalThis.plots = [];
    const Plot = globalThis.uPlot;
    globalThis.uPlot = function (...given) {
      const plot = new Plot(...given);
      plots.push(plot);
      return plot;
    };
  }`);
  await go('#/?range=1h');
  await page.locator('.plot[aria-label*="last 1 h"]').nth(2).waitFor();
  await evaluate(`{
    globalThis.redrawn = 0;
    new MutationObserver(([{ target }]) => {
      if (!target.ariaLabel?.endsWith('not known yet.')) return;
      for (const plot of plots) plot.redraw();
      redrawn++;
    }).observe(document.querySelector('main'), { subtree: true, attributeFilter: ['aria-label'] });
  }`);
  const { promise: isDrawn, resolve: letIn } = Promise.withResolvers<void>();
  await page.route(/history\?.*range=24h/, (route) => isDrawn.then(() => route.continue()));
  await go('#/?range=24h');
  await page.waitForFunction('redrawn > 0');
  letIn();
  await page.locator('.plot[aria-label*="last 24 h"]').nth(2).waitFor();
  await page.unrouteAll({ behavior: 'wait' });
  assert.deepEqual(complaints, []);
});

test('events that are many are one line, which opens', async () => {
  await open('outage', '#/events');
  await page.getByRole('button', { name: '87 times: which' }).click();
  await page.locator('.members a').first().waitFor();
  assert.equal(await page.locator('.members a').count(), 87);
});

test('a rejected key shows what is wrong in it and what would be right', async () => {
  await open('degraded', '#/problems');
  await page.locator('pre u').getByText('Hots').waitFor();
  await page.locator('pre .fix').getByText('Host:campaign.example.com').waitFor();
  await page.getByRole('button', { name: 'Seen' }).click();
  await page.locator('pre u').waitFor({ state: 'detached' });
});

test('problems and events come page by page up to the oldest, and a page is a place', async () => {
  await open('degraded', '#/problems', ({ problems, events }) => {
    const [problem, event] = [problems.at(-1), events.at(-1)!];
    for (let at = problems.length; at < 450; at++)
      problems.push({ ...problem, title: [['code', `/traefik/old/${at}`]], isNew: false });
    for (let at = events.length; at < 450; at++) events.push({ ...event, id: -at, text: [`old event ${at}`] });
  });
  const next = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: /^(?:Next|Older ones)$/ });
  for (const [at, text] of ['101 to 200', '201 to 300', '301 to 400', '401 to 450'].entries()) {
    await next.click();
    await page.getByText(`${text} of 450`).waitFor();
    assert.match(page.url(), new RegExp(`page=${at + 2}$`));
  }
  await page.getByText('/traefik/old/449').waitFor();
  await page.reload();
  await page.getByText('/traefik/old/449').waitFor();
  // What a filter leaves begins with its first page.
  await page.getByRole('button', { name: 'Seen' }).click();
  await page.getByText('1 to 100 of ').waitFor();
  await go('#/events');
  for (const at of [100, 200, 300, 400]) {
    await next.click();
    await page.getByText(`old event ${at}`, { exact: true }).waitFor();
  }
  await page.getByText('old event 449', { exact: true }).waitFor();
  await next.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'The newest' }).click();
  await page.locator('.bars').waitFor();
});

test('thousands of rows are a window: the last one is there at once, and the document stays small', async () => {
  await open('healthy', '#/frontends?sort=name', (world) => {
    const [first] = world.frontends;
    for (let i = 0; i < 5000; i++) world.frontends.push({ ...first, name: `tenant-${1000 + i}` });
  });
  await page.getByRole('table', { name: 'Frontends' }).locator('tbody a').first().waitFor();
  await page.locator('table.cards tbody a').first().focus();
  await page.keyboard.press('End');
  await page.getByRole('link', { name: 'wiki', exact: true }).or(page.locator('[data-row="5035"]')).first().waitFor();
  assert.equal(await page.getByRole('table', { name: 'Frontends' }).getAttribute('aria-rowcount'), '5037');
  assert.ok((await evaluate<number>('document.querySelectorAll("*").length')) < 2500);
  // What a filter leaves is drawn into the rows that are there.
  await page.keyboard.press('Home');
  await page.locator('[data-row="0"]').waitFor();
  await go('#/frontends?sort=name&q=tenant');
  await page.getByRole('link', { name: 'tenant-1000', exact: true }).waitFor();
  await evaluate('globalThis.kept = [...document.querySelectorAll("table.cards tbody tr:not(.space)")].slice(0, 20)');
  await page.locator('#filter').fill('tenant-2');
  await page.getByRole('link', { name: 'tenant-2000', exact: true }).waitFor();
  assert.ok(await evaluate('kept.every((row) => row.isConnected)'));
});

test('names are text, whatever they hold, on every screen', async () => {
  const attack = '<img src=x onerror="globalThis.hit=1">\u202e';
  await open('degraded', '#/', (world) => {
    for (const row of [...world.backends, ...world.frontends]) {
      if (row.name !== 'checkout') continue;
      Object.assign(row, { name: attack, why: attack, rules: [`Host:${attack}`], backend: attack, method: attack });
    }
    Object.assign(world.problems[0], { title: [attack], text: [attack], value: attack });
    Object.assign(world.events[0], { text: [['b', attack]], of: ['backend', attack], detail: [attack] });
    Object.assign(world.certificates[0], { names: [attack], from: attack });
    world.changes = { node: attack };
  });
  const path = encodeURIComponent(attack);
  for (const hash of [
    '#/',
    '#/frontends',
    '#/backends',
    `#/backends/${path}`,
    `#/backends/${path}/s1`,
    `#/frontends/${path}`,
    '#/problems',
    '#/events',
    '#/certificates',
    `#/live?q=${path}`,
  ]) {
    await go(hash);
    await page.getByText('<img src=x').first().waitFor();
    assert.equal(await page.locator('img, main script').count(), 0, hash);
    assert.doesNotMatch(await page.locator('body').innerText(), /\u202e/, hash);
  }
  assert.equal(await evaluate('globalThis.hit'), undefined);
});

test('states differ by shape and word, not by colour alone', async () => {
  await open('degraded', '#/backends');
  await page.locator('table.cards tr.isbad').waitFor();
  const shapes = await evaluate<string[]>(
    '["isbad", "iswarn", ""].map((name) => [...document.querySelectorAll("table.cards tbody tr")].find((row) => row.className === name && row.querySelector("a")).querySelector(".name").innerHTML.split("<a ")[0])',
  );
  assert.equal(new Set(shapes).size, 3);
  for (const [at, word] of ['failing', 'impaired', 'ok'].entries()) assert.match(shapes[at], new RegExp(`>${word}<`));
});

type Violation = { id: string; nodes: { html: string; any: { message: string }[] }[] };
declare const axe: { run(root: unknown, options: unknown): Promise<{ violations: Violation[] }> };

async function violations(): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    axe.run((globalThis as unknown as { document: unknown }).document, { resultTypes: ['violations'] }),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 160)} ${any[0]?.message ?? ''}`),
  );
}

test('every screen passes the rules of accessibility, light and dark in turn, and fits a tablet and a telephone', async (t: TestContext) => {
  await open('degraded');
  for (const [at, hash] of SCREENS.entries()) {
    await t.test(hash, async () => {
      await page.emulateMedia({ colorScheme: at % 2 === 0 ? 'light' : 'dark' });
      await page.setViewportSize({ width: 1440, height: 900 });
      await go(hash);
      await page.locator('main .panel').first().waitFor();
      assert.deepEqual(await violations(), []);
      for (const width of [1024, 768, 390]) {
        await page.setViewportSize({ width, height: 844 });
        const over = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        assert.equal(await evaluate(over), 0, `${width}`);
      }
      const small =
        '[...document.querySelectorAll("main button, main select, main :not(.filter) > input, .filter, .tabs a, .band .button, .cell, .segments button")].filter((one) => one.getClientRects().length > 0 && one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML.slice(0, 120))';
      assert.deepEqual(await evaluate(small), []);
      const cut =
        '[...document.querySelectorAll(".band .button")].filter((one) => one.getBoundingClientRect().right > one.closest(".band").getBoundingClientRect().right).map((one) => one.outerHTML)';
      assert.deepEqual(await evaluate(cut), []);
      const top = await evaluate<number>('document.querySelector(".verdict").getBoundingClientRect().top');
      assert.ok(top >= 0 && top < 60);
    });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
});

test('every level passes them too, in the other theme', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  for (const scenario of ['healthy', 'outage', 'starting'] as const) {
    await open(scenario);
    await page.locator('main .panel').first().waitFor();
    assert.deepEqual(await violations(), [], scenario);
  }
  await page.emulateMedia({ colorScheme: 'light' });
});
