/** Debian's chromium, which talks to nobody but us. */
import { type BrowserContext, chromium } from 'playwright-core';
import { OWN_HOST } from './own-host.ts';
import { temporaryFolder } from './tools.ts';

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

/** The browser has its own profile, so nothing of another run is in its cache. `credentials`: typed into every dialog. */
export async function startBrowser(
  t: { after(fn: () => unknown): unknown },
  credentials?: Credentials,
): Promise<BrowserContext> {
  const profile = temporaryFolder();
  const context = await chromium.launchPersistentContext(profile.path, {
    executablePath: '/usr/bin/chromium',
    args: ARGUMENTS,
    viewport: { width: 1280, height: 900 },
    ...(credentials === undefined ? {} : { httpCredentials: credentials }),
  });
  context.setDefaultTimeout(10_000);
  t.after(async () => {
    await context.close();
    profile.remove();
  });
  return context;
}
