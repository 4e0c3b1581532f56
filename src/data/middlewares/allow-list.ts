/** Who may ask at all: the IP allow list of an entrypoint or a frontend (shared/spec kv-schema §6.3). */

import { isIP } from 'node:net';
import type { RequestHead } from '../../http/request-head.ts';
import type { WhiteListOptions } from '../../kernel/entrypoint-options.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { IpRanges } from '../../kernel/ip-ranges.ts';
import { log } from '../../kernel/log.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';

export class AllowList implements Middleware {
  private readonly ranges: IpRanges;
  private readonly useXForwardedFor: boolean;

  constructor({ sourceRange, useXForwardedFor }: WhiteListOptions) {
    this.ranges = new IpRanges(sourceRange);
    this.useXForwardedFor = useXForwardedFor;
  }

  request({ client }: Scope, head: RequestHead): Reply | null {
    const peer = client.peerAddress();
    if (this.allows(head.forwardedFor, peer)) return null;
    log.debug('request refused', { reason: `${peer} is not in the list of allowed addresses` });
    return localReply(FAULTS.forbidden);
  }

  /** What is no address ends the search: nobody knows what it would have been. */
  private allows(forwardedFor: string, peer: string): boolean {
    if (this.useXForwardedFor && forwardedFor !== '') {
      for (const part of forwardedFor.split(',')) {
        const address = part.trim();
        if (isIP(address) === 0) return false;
        if (this.ranges.contains(address)) return true;
      }
    }
    return this.ranges.contains(peer);
  }
}
