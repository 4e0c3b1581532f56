/** Whom we believe behind `https://`: when requests are forwarded and when servers are checked (shared/spec proxying §12). */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

export type TrustSettings = {
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  /** PEM texts, one certificate each, that replace the system's roots; null: the system's. */
  readonly rootCAs: readonly string[] | null;
};

/** What all https:// servers share, one per thread. Reading the system's roots takes long: not before it is needed. */
export class TlsTrust {
  readonly verifies: boolean;
  private readonly rootCAs: readonly string[] | null;
  private made: SecureContext | null = null;

  constructor(settings: TrustSettings) {
    this.verifies = !settings.insecureSkipVerify;
    this.rootCAs = settings.rootCAs;
  }

  context(): SecureContext {
    this.made ??= createSecureContext(this.roots());
    return this.made;
  }

  private roots(): { ca?: string[] } {
    // An empty list trusts nobody, which is right when none of the given roots could be read.
    if (this.rootCAs !== null) return { ca: [...this.rootCAs] };
    const system = this.verifies ? [...new Set(getCACertificates('system'))] : [];
    // A container without them: then those that Node brings along.
    return system.length > 0 ? { ca: system } : {};
  }
}
