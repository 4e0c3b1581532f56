/** Refuses the addresses of a deny list (shared/spec frontend-options §3.2). */
import type { RequestHead } from '../../http/request-head.ts';
import { trimBlanks } from '../../kernel/characters.ts';
import { deniedFault } from '../../kernel/errors.ts';
import { addressFamily, IpRanges } from '../../kernel/ip-ranges.ts';
import { log } from '../../kernel/log.ts';
import type { DenyListOptions } from '../../middlewares/deny-list.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';

export class DenyList implements Middleware {
  private readonly ranges: IpRanges;
  private readonly useXForwardedFor: boolean;
  private readonly refusal: Reply;

  constructor({ sourceRange, useXForwardedFor, status }: DenyListOptions) {
    this.ranges = new IpRanges(sourceRange);
    this.useXForwardedFor = useXForwardedFor;
    this.refusal = localReply(deniedFault(status));
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const { clientAddress, client } = exchange;
    const address = clientAddress ?? client.peerAddress();
    // Who that is nobody knows, and so not that it may ask either.
    if (address === '') return this.refuse('its client cannot be told');
    const denied = this.ranges.contains(address) || (this.useXForwardedFor && this.names(head.forwarded.for));
    if (!denied) return null;
    return this.refuse(`${address} is in the list of denied addresses`);
  }

  private refuse(reason: string): Reply {
    log.debug('request refused', { reason });
    return this.refusal;
  }

  /** Does any address in X-Forwarded-For stand in the list? */
  private names(forwardedFor: string): boolean {
    for (let start = 0; start < forwardedFor.length; ) {
      const comma = forwardedFor.indexOf(',', start);
      const end = comma < 0 ? forwardedFor.length : comma;
      const address = trimBlanks(forwardedFor, start, end);
      if (addressFamily(address) !== 0 && this.ranges.contains(address)) return true;
      start = end + 1;
    }
    return false;
  }
}
