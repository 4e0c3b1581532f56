/**
 * What a frontend does to its requests before they go to its backend, outermost first: allow list, redirect (shared/spec
 * kv-schema §6.1). The path modifiers come afterwards, so that a redirect sees the path that the client asked for.
 */
import type { RequestHead } from '../../http/request-head.ts';
import type { RedirectOptions, WhiteListOptions } from '../../kernel/entrypoint-options.ts';
import type { ClientCertificateOptions } from '../../middlewares/client-certificate.ts';
import type { FrontendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { LocalReply } from '../local-reply.ts';
import { AllowList } from './allow-list.ts';
import { ClientCertificateFields } from './client-certificate.ts';
import type { Peer } from './entrypoint-guard.ts';
import { Redirect } from './redirect.ts';

class FrontendGuard {
  private readonly allowList: AllowList | null;
  /** Per entrypoint; null where it would lead to the entrypoint itself. */
  private readonly redirects: readonly (Redirect | null)[];

  private readonly clientCertificate: ClientCertificateFields | null;

  constructor({ options }: FrontendView, { entryPoints }: WorkerContext) {
    const whiteList = options!.whiteList as WhiteListOptions | undefined;
    const redirect = options!.redirect as RedirectOptions | undefined;
    const passTlsClientCert = options!.passTLSClientCert as ClientCertificateOptions | undefined;
    this.clientCertificate = passTlsClientCert === undefined ? null : new ClientCertificateFields(passTlsClientCert);
    this.allowList = whiteList === undefined ? null : new AllowList(whiteList);
    this.redirects = entryPoints.map(({ name, tls }) =>
      redirect === undefined || redirect.entryPoint === name ? null : new Redirect(redirect, entryPoints, tls !== null),
    );
  }

  check(entryPoint: number, head: RequestHead, from: Peer): LocalReply | null {
    const refused = this.allowList === null ? null : this.allowList.check(head, from.peerAddress());
    if (refused !== null) return refused;
    const redirect = this.redirects[entryPoint];
    const redirected = redirect === null ? null : redirect.check(head);
    if (redirected === null) this.clientCertificate?.apply(head, from);
    return redirected;
  }
}

/** Made when a frontend is first asked for; they go with the table of their frontend. */
const guards = new WeakMap<FrontendView, FrontendGuard>();

/** Of a frontend with options. null: let it through. */
export function checkFrontend(
  frontend: FrontendView,
  worker: WorkerContext,
  entryPoint: number,
  head: RequestHead,
  from: Peer,
): LocalReply | null {
  let guard = guards.get(frontend);
  if (guard === undefined) {
    guard = new FrontendGuard(frontend, worker);
    guards.set(frontend, guard);
  }
  return guard.check(entryPoint, head, from);
}
