/** Whom an entrypoint believes what it says of the hops before it (shared/spec proxying §4). The original takes a client's forwarded fields off at the very end; here they are gone before anything looks at them. */
import type { RequestHead } from '../../http/request-head.ts';
import type { TrustOptions } from '../../kernel/entrypoint-options.ts';
import { IpRanges } from '../../kernel/ip-ranges.ts';
import type { Middleware, Scope } from '../middleware.ts';

export class Trust implements Middleware {
  private readonly trusted: IpRanges;

  constructor({ trustedIPs }: TrustOptions) {
    this.trusted = new IpRanges(trustedIPs);
  }

  request({ client }: Scope, head: RequestHead): null {
    if (!this.trusted.contains(client.peerAddress())) head.distrustForwarded();
    return null;
  }
}
