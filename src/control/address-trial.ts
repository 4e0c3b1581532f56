/**
 * Whether the addresses that a store names can be listened on, found out before anything depends on it: one that cannot
 * be is an unusable setting like any other, and no reason to end.
 */
import { createServer } from 'node:net';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { EntryPointError } from '../settings/entrypoint-text.ts';
import type { Settings } from '../settings/settings.ts';

type Address = { readonly host: string; readonly port: number };

function textOf({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Null when it can be listened on, otherwise why not. `shared`: as workers do, among themselves. */
export async function tryListening({ host, port }: Address, shared: boolean): Promise<NodeJS.ErrnoException | null> {
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    server.once('error', resolve);
    server.listen({ port, reusePort: shared, ...(host === '' ? {} : { host }) }, () => resolve(null));
  });
  if (error === null) await new Promise((resolve) => server.close(resolve));
  return error;
}

function addressesOf({ entryPoints, web }: Settings): { readonly address: Address; readonly shared: boolean }[] {
  const own = entryPoints.map((address) => ({ address, shared: true }));
  return web === null ? own : [...own, { address: web, shared: false }];
}

export class AddressTrial {
  /** Those of the flags: they may be listened on already, by tsuji itself, and whether they can be shows at the start. */
  private readonly below: ReadonlySet<string>;
  private readonly portsBelow: ReadonlySet<number>;
  private readonly isSuccessor: boolean;
  /** Address → why it cannot be listened on, null when it can. */
  private readonly found = new Map<string, string | null>();

  /** `isSuccessor`: another tsuji may have them, which lets go of them when this one is ready. */
  constructor(below: Settings, isSuccessor: boolean) {
    this.isSuccessor = isSuccessor;
    const addresses = addressesOf(below).map(({ address }) => address);
    this.below = new Set(addresses.map(textOf));
    this.portsBelow = new Set(addresses.map(({ port }) => port));
  }

  /** Tries what has not been tried; true when some of it cannot be listened on. */
  async findsFault(settings: Settings): Promise<boolean> {
    let isFault = false;
    for (const { address, shared } of addressesOf(settings)) {
      const text = textOf(address);
      if (this.below.has(text) || this.found.has(text)) continue;
      const error = await tryListening(address, shared || this.isSuccessor);
      const isOwn = error?.code === 'EADDRINUSE' && this.portsBelow.has(address.port);
      this.found.set(text, error === null || isOwn ? null : reasonOf(error));
      isFault ||= this.found.get(text) !== null;
    }
    return isFault;
  }

  /** @throws TsujiError for settings with an address that was found not to be usable */
  check({ entryPoints, web }: Settings): void {
    for (const entryPoint of entryPoints) {
      const reason = this.reasonOf(entryPoint);
      if (reason !== null) throw new EntryPointError(entryPoint.name, reason, 'Address');
    }
    const reason = web === null ? null : this.reasonOf(web);
    if (reason !== null) throw new TsujiError('ADMIN_LISTEN', `--web.address: ${reason}`);
  }

  private reasonOf(address: Address): string | null {
    const text = textOf(address);
    const reason = this.found.get(text) ?? null;
    return reason === null ? null : `cannot listen on ${text}: ${reason}`;
  }
}
