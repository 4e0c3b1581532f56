/** Whose request it is behind proxies: addresses of X-Forwarded-For, the last of which the nearest proxy has written. */
import type { RequestHead } from '../../http/request-head.ts';
import { trimBlanks } from '../../kernel/characters.ts';
import { addressFamily, IpRanges, plainAddress } from '../../kernel/ip-ranges.ts';
import type { IpStrategyOptions } from '../../middlewares/ip-strategy.ts';
import type { Middleware, Scope } from '../middleware.ts';

/** The nth from the right, `1` for the last; '' for none, and for one that is no address. */
export function forwardedAddress(forwardedFor: string, n: number): string {
  let end = forwardedFor.length;
  for (let at = 1; at < n; at++) {
    end = forwardedFor.lastIndexOf(',', end - 1);
    if (end <= 0) return '';
  }
  const address = trimBlanks(forwardedFor, forwardedFor.lastIndexOf(',', end - 1) + 1, end);
  return addressFamily(address) === 0 ? '' : plainAddress(address);
}

/** Says who the client is, for the middlewares behind it (shared/spec frontend-options §3.9). */
export class IpStrategy implements Middleware {
  private readonly depth: number;
  private readonly excluded: IpRanges;

  constructor({ depth, excludedIPs }: IpStrategyOptions) {
    this.depth = depth;
    this.excluded = new IpRanges(excludedIPs);
  }

  request(exchange: Scope, head: RequestHead): null {
    const { for: chain } = head.forwarded;
    exchange.clientAddress = this.depth > 0 ? forwardedAddress(chain, this.depth) : this.lastOther(chain);
    return null;
  }

  private lastOther(forwardedFor: string): string {
    for (let end = forwardedFor.length; end > 0; ) {
      const comma = forwardedFor.lastIndexOf(',', end - 1);
      const address = trimBlanks(forwardedFor, comma + 1, end);
      if (addressFamily(address) === 0) return '';
      if (!this.excluded.contains(address)) return plainAddress(address);
      end = comma;
    }
    return '';
  }
}
