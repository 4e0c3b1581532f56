/** How many connections clients may have, on one entrypoint of one worker; what comes beyond that is closed at once. */

import { networkOf } from '../../kernel/ip-ranges.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import type { ConnectionLimits as Limits } from '../../kernel/serving-options.ts';
import type { LabelCounts } from '../../shared/label-counts.ts';
import { FAMILY } from '../../shared/label-families.ts';
import type { MetricsLane } from '../../shared/metrics.ts';

/** Whoever has one address of IPv6 has as many as this leaves. */
const NETWORK_BITS = 64;

function ownerOf(address: string): string {
  return address.includes(':') ? networkOf(address, NETWORK_BITS) : address;
}

/**
 * Why a connection of a client is closed before anything is served on it: `--limits.connections`, `--limits.connectionsPerAddress`,
 * no file descriptor is left, the system could not accept it, its PROXY header is malformed.
 */
export type Rejection = 'connections' | 'address' | 'descriptors' | 'system' | 'proxy_header';

export class ConnectionLimits {
  private readonly limits: Limits;
  private readonly entryPoint: string;
  private readonly index: number;
  private readonly metrics: MetricsLane;
  private readonly labels: LabelCounts;
  /** Where those that were accepted are counted. */
  private readonly accepts: number;
  private count = 0;
  private readonly byOwner = new Map<string, number>();

  /** `index`: of the entrypoint with that name. */
  constructor(limits: Limits, index: number, entryPoint: string, metrics: MetricsLane, labels: LabelCounts) {
    this.limits = limits;
    this.index = index;
    this.entryPoint = entryPoint;
    this.metrics = metrics;
    this.labels = labels;
    this.accepts = labels.at(FAMILY.connections, [entryPoint]);
  }

  /** One was accepted. False: it is to be closed. `closed` is owed in either case. */
  accepted(): boolean {
    this.count++;
    this.metrics.connections(this.index, this.count);
    this.labels.add(this.accepts);
    const { total } = this.limits;
    if (total === 0 || this.count <= total) return true;
    this.rejected('connections');
    this.refused('limits.connections', this.count);
    return false;
  }

  closed(): void {
    this.count--;
    this.metrics.connections(this.index, this.count);
  }

  /** One is closed before anything was served on it. */
  rejected(reason: Rejection): void {
    this.labels.add(this.labels.at(FAMILY.rejected, [this.entryPoint, reason]));
  }

  /** Addresses are counted: `admits` is to be asked. */
  get looksAtAddresses(): boolean {
    return this.limits.perAddress > 0;
  }

  /** It is known whose one is. False: it is to be closed; else `left` is owed. */
  admits(address: string): boolean {
    const { perAddress } = this.limits;
    const owner = ownerOf(address);
    const count = (this.byOwner.get(owner) ?? 0) + 1;
    if (count > perAddress) {
      this.rejected('address');
      this.refused('limits.connectionsPerAddress', count, address);
      return false;
    }
    this.byOwner.set(owner, count);
    return true;
  }

  left(address: string): void {
    const owner = ownerOf(address);
    const count = this.byOwner.get(owner)! - 1;
    if (count > 0) this.byOwner.set(owner, count);
    else this.byOwner.delete(owner);
  }

  /** `client`: whose limit it is, '' for all together. */
  private refused(setting: string, value: number, client = ''): void {
    this.metrics.clientRefused();
    const more = client === '' ? { setting } : { setting, client };
    tellLimit({ limit: 'connections', object: this.entryPoint, value, what: 'new connections' }, more);
  }
}
