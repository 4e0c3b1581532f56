/** Who may ask, by address: the allow list of an entrypoint, a frontend or the admin address (shared/spec kv-schema §6.3). */
import type { WhiteListOptions } from './entrypoint-options.ts';
import { addressFamily, IpRanges } from './ip-ranges.ts';

export class AllowedAddresses {
  private readonly ranges: IpRanges;
  private readonly useXForwardedFor: boolean;

  constructor({ sourceRange, useXForwardedFor }: WhiteListOptions) {
    this.ranges = new IpRanges(sourceRange);
    this.useXForwardedFor = useXForwardedFor;
  }

  /**
   * What is no address ends the search: nobody knows what it would have been.
   * @param forwardedFor X-Forwarded-For, '' when there is none or its peer is not believed
   */
  allow(forwardedFor: string, peer: string): boolean {
    if (this.useXForwardedFor && forwardedFor !== '') {
      for (const part of forwardedFor.split(',')) {
        const address = part.trim();
        if (addressFamily(address) === 0) return false;
        if (this.ranges.contains(address)) return true;
      }
    }
    return this.ranges.contains(peer);
  }
}
