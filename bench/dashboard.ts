/**
 * `npm run bench -- dashboard`: what a page of the dashboard costs with many frontends, in a real browser: the first view, the bytes of
 * a minute, how long the last row and a filter take; and all screens, levels and themes by the rules of axe-core.
 */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import { startBoard } from '../test/harness/board.ts';
import { startBrowser } from '../test/harness/browser.ts';
import type { DashboardOptions } from './options.ts';
import { tsujiCommand, writeFolder } from './peers/tsuji.ts';
import { freePort, type Processes, untilListening } from './processes.ts';
import { formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const START_MS = 120_000;
const IDLE_MS = 60_000;
/** Each leaves fewer or more rows than the one before. */
const FILTER_KEYS = ['1', '2', '3', 'Backspace', '4', 'Backspace', 'Backspace', 'Backspace', '7', '7'];
const AXE = join(ROOT, 'node_modules/axe-core/axe.min.js');
const SCREENS =
  'frontends frontends/shop backends backends/checkout backends/checkout/s2 problems events certificates live explain nodes settings more'
    .split(' ')
    .concat('');

/** In px: a telephone, a tablet upright and across, a desk, and a wide one. */
const WIDTHS = [390, 768, 1024, 1440, 1600];
/** Of these, at which axe-core reads: on either side of where rows become blocks. */
const READ_AT = [390, 1440];

type Measured = readonly [what: string, value: string, limit: string];

/** `bytes`: as they came over the network since the last look; what a stream has sent counts unpacked. */
async function meter(page: Page): Promise<{ bytes(): number }> {
  let received = 0;
  const streams = new Set<string>();
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  session.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'EventSource') streams.add(requestId);
  });
  session.on('Network.dataReceived', ({ requestId, dataLength }) => {
    if (streams.has(requestId)) received += dataLength;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!streams.has(requestId)) received += encodedDataLength;
  });
  return {
    bytes() {
      const since = received;
      received = 0;
      return since;
    },
  };
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

async function timed(act: () => Promise<unknown>): Promise<string> {
  const began = performance.now();
  await act();
  return `${Math.round(performance.now() - began)} ms`;
}

/**
 * Milliseconds from each key to the frame that shows the rows it leaves, by the clock of the page: until the count in the head is another
 * one, and whatever the frame after that has to do is done.
 */
async function filterTimes(page: Page): Promise<number[]> {
  await page.evaluate(`{
    globalThis.drawn = [];
    const count = () => document.querySelector('.head .sub').textContent;
    let [last, pressed] = [count(), 0];
    document.querySelector('#filter').addEventListener('keydown', ({ timeStamp }) => (pressed = timeStamp));
    new MutationObserver(() => {
      if (count() === last) return;
      last = count();
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => drawn.push(Math.round(performance.now() - pressed));
        port2.postMessage(0);
      });
    }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true });
  }`);
  await page.locator('#filter').focus();
  for (let i = 0; i < FILTER_KEYS.length; i++) {
    // As whoever reads what is left before typing on.
    await sleep(400);
    await page.keyboard.press(FILTER_KEYS[i]);
    while ((await page.evaluate('drawn.length')) === i) await sleep(20);
  }
  return (await page.evaluate('drawn')) as number[];
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measurePage(context: BrowserContext, url: string, frontends: number): Promise<Measured[]> {
  const overview = new URL('../api/ui/overview', url);
  while (((await (await fetch(overview)).json()) as { level: string }).level !== 'healthy') await sleep(500);
  const page = await context.newPage();
  const { bytes } = await meter(page);
  const rows: Measured[] = [];
  const drawn = await timed(async () => {
    await page.goto(url);
    await page.locator('.verdict').getByText('Healthy').waitFor();
    await page.locator('tbody tr').first().waitFor();
  });
  const painted = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime");
  rows.push(['first view, first paint', `${Math.round(painted as number)} ms`, '1000 ms']);
  rows.push(['first view, drawn with its rows', drawn, '1000 ms']);
  await sleep(1000);
  rows.push(['first view, all bytes', kilobytes(bytes()), '300 kB']);
  // Charts, lists and the stream settle.
  await sleep(12_000);
  bytes();
  await page.goto(`${url}#/settings`);
  await sleep(5000);
  bytes();
  await sleep(IDLE_MS);
  rows.push(['the stream, a second', kilobytes(bytes() / (IDLE_MS / 1000)), '0.6 kB']);
  await page.goto(`${url}#/frontends?sort=name`);
  await page.locator('[data-row="20"]').waitFor();
  await sleep(3000);
  bytes();
  await sleep(IDLE_MS);
  rows.push(['Frontends in sight, a second', kilobytes(bytes() / (IDLE_MS / 1000)), '5 kB']);
  const last = await timed(async () => {
    await page.evaluate("document.querySelector('.window').scrollTo(0, 1e9)");
    await page.locator(`[data-row="${frontends - 1}"]`).waitFor();
  });
  rows.push(['scrolled to the last row', last, '500 ms']);
  const filters = await filterTimes(page);
  rows.push(['filter, from the key to the drawn rows', `${median(filters)} ms (${filters.join(' ')})`, '50 ms']);
  rows.push(['nodes of the document', String(await page.evaluate('document.querySelectorAll("*").length')), '2500']);
  await page.close();
  return rows;
}

/** Screens, levels and themes that break a rule. */
async function breaches(context: BrowserContext): Promise<string[]> {
  const axe = readFileSync(AXE, 'utf8');
  const board = await startBoard();
  const page = await context.newPage();
  const found: string[] = [];
  for (const scenario of ['healthy', 'degraded', 'outage', 'starting', 'empty'] as const) {
    board.show(scenario);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const screen of SCREENS) {
        await page.setViewportSize({ width: WIDTHS[0], height: 900 });
        await page.goto(`${board.url}#/${screen}`);
        await page.locator('main .panel').first().waitFor();
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 900 });
          // What follows the width by an observer has done so after two frames.
          await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
          const where = `${scenario} ${colorScheme} ${width} px #/${screen}`;
          const over = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          if (over !== 0) found.push(`${where}: ${over} px too wide`);
          if (!READ_AT.includes(width)) continue;
          await page.evaluate(axe);
          const broken = await page.evaluate(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html.slice(0, 120)))",
          );
          for (const one of broken as string[]) found.push(`${where}: ${one}`);
        }
      }
    }
  }
  await page.close();
  await board.close();
  return found;
}

export async function measureDashboard(
  { frontends }: DashboardOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<boolean> {
  const folder = join(tmpdir(), `tsuji-bench-dashboard-${process.pid}`);
  const cleanUps: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const [port, web, server] = [await freePort(), await freePort(), await freePort()];
    const keys: Record<string, string> = {};
    for (let i = 0; i < frontends; i++) {
      const backend = `backend${i % Math.max(1, Math.floor(frontends / 10))}`;
      keys[`backends/${backend}/servers/s${i % 3}/url`] = `http://127.0.0.1:${server}`;
      keys[`frontends/frontend${i}/backend`] = backend;
      keys[`frontends/frontend${i}/routes/main/rule`] = `Host:h${i}.example.com`;
    }
    tell('keys');
    writeFolder(folder, keys);
    const flags = ['--web', `--web.address=127.0.0.1:${web}`, `--folder=${folder}`];
    const started = processes.start('tsuji', null, tsujiCommand(ROOT, port, flags));
    await untilListening(started, web, START_MS);
    await untilListening(started, port, START_MS);
    const context = await startBrowser({ after: (fn) => cleanUps.unshift(fn) });
    tell('the page, some three minutes');
    const rows = await measurePage(context, `http://127.0.0.1:${web}/dashboard/`, frontends);
    tell('all screens, levels and themes');
    const broken = await breaches(context);
    tell('');
    console.log(formatTable([`${frontends} frontends`, 'measured', 'at most'], rows));
    console.log(broken.length === 0 ? 'no screen breaks a rule of axe-core or is too wide' : broken.join('\n'));
    return broken.length === 0;
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}
