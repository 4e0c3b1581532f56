/**
 * Whom an entrypoint believes what it says of the hops before it (shared/spec proxying §4). The original takes a client's
 * forwarded fields off at the very end; here they are gone before anything looks at them.
 */
import type { RequestHead } from '../http/request-head.ts';
import type { TrustOptions } from '../kernel/entrypoint-options.ts';
import { IpRanges } from '../kernel/ip-ranges.ts';
import type { Peer } from './middleware.ts';

export class Trust {
  private readonly trusted: IpRanges;

  private constructor(trustedIPs: readonly string[]) {
    this.trusted = new IpRanges(trustedIPs);
  }

  /** null: everybody is believed. */
  static of({ insecure, trustedIPs }: TrustOptions): Trust | null {
    return insecure ? null : new Trust(trustedIPs);
  }

  judge(client: Peer, head: RequestHead): void {
    if (!this.trusted.contains(client.peerAddress())) head.distrustForwarded();
  }
}
