/**
 * What an entrypoint does to every request before it is routed, outermost first: whose forwarded fields are believed,
 * redirect, allow list (shared/spec cli-api §3, proxying §1). The original takes a client's forwarded fields off at the
 * very end; here they are gone before anything looks at them.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { IpRanges } from '../../kernel/ip-ranges.ts';
import type { BootEntryPoint } from '../../protocol/messages.ts';
import type { Downstream } from '../downstream.ts';
import type { LocalReply } from '../local-reply.ts';
import { AllowList } from './allow-list.ts';
import { Redirect } from './redirect.ts';

/** The part of a downstream that a guard asks. */
export type Peer = Pick<Downstream, 'peerAddress' | 'clientCertificates'>;

export class EntryPointGuard {
  /** null: everybody's forwarded fields are believed. */
  private readonly trusted: IpRanges | null;
  private readonly redirect: Redirect | null;
  private readonly allowList: AllowList | null;

  private constructor(entryPoint: BootEntryPoint, all: readonly BootEntryPoint[]) {
    const { forwardedHeaders, redirect, whiteList, tls } = entryPoint;
    this.trusted = forwardedHeaders.insecure ? null : new IpRanges(forwardedHeaders.trustedIPs);
    this.redirect = redirect === null ? null : new Redirect(redirect, all, tls !== null);
    this.allowList = whiteList === null ? null : new AllowList(whiteList);
  }

  /** null when there is nothing to guard. */
  static for(all: readonly BootEntryPoint[], index: number): EntryPointGuard | null {
    const { forwardedHeaders, redirect, whiteList } = all[index];
    if (forwardedHeaders.insecure && redirect === null && whiteList === null) return null;
    return new EntryPointGuard(all[index], all);
  }

  /** null: let it through. */
  check(head: RequestHead, from: Peer): LocalReply | null {
    if (this.trusted !== null && !this.trusted.contains(from.peerAddress())) head.distrustForwarded();
    const redirected = this.redirect === null ? null : this.redirect.check(head);
    if (redirected !== null || this.allowList === null) return redirected;
    return this.allowList.check(head, from.peerAddress());
  }
}
