/**
 * Whether the addresses that a store names can be listened on, found out before anything depends on it: one that cannot
 * be is an unusable setting like any other, and no reason to end.
 */
import { TsujiError } from '../kernel/errors.ts';
import { EntryPointError } from '../settings/entrypoint-text.ts';
import type { Settings } from '../settings/settings.ts';
import { type Address, addressText, listenReason, tryListening } from './listening.ts';

function addressesOf({ entryPoints, web }: Settings): readonly Address[] {
  return web === null ? entryPoints : [...entryPoints, web];
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
    const addresses = addressesOf(below);
    this.below = new Set(addresses.map(addressText));
    this.portsBelow = new Set(addresses.map(({ port }) => port));
  }

  /** Tries what has not been tried; true when some of it cannot be listened on. */
  async findsFault(settings: Settings): Promise<boolean> {
    let isFault = false;
    for (const address of addressesOf(settings)) {
      const text = addressText(address);
      if (this.below.has(text) || this.found.has(text)) continue;
      const error = await tryListening(address, this.isSuccessor);
      const isOwn = error?.code === 'EADDRINUSE' && this.portsBelow.has(address.port);
      this.found.set(text, error === null || isOwn ? null : listenReason(error, address));
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
    const text = addressText(address);
    const reason = this.found.get(text) ?? null;
    return reason === null ? null : `cannot listen on ${text}: ${reason}`;
  }
}
