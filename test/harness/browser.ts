/** Debian's chromium, which talks to nobody but us: one of each test file, as it takes seconds to start. */
import { after } from 'node:test';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { OWN_HOST } from './own-host.ts';

const ARGUMENTS = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Names that routes are made for are those of this host.
  `--host-resolver-rules=MAP *.test ${OWN_HOST}`,
];

type Credentials = { readonly username: string; readonly password: string };

let browser: Promise<Browser> | null = null;
after(async () => {
  await (await browser)?.close();
});

/** As a browser that was never used: it shares no cache and no password with another one. `credentials`: typed into every dialog. */
export async function startBrowser(
  t: { after(fn: () => unknown): unknown },
  credentials?: Credentials,
): Promise<BrowserContext> {
  browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
  const context = await (await browser).newContext({
    viewport: { width: 1280, height: 900 },
    ...(credentials === undefined ? {} : { httpCredentials: credentials }),
  });
  context.setDefaultTimeout(10_000);
  t.after(() => context.close());
  return context;
}
