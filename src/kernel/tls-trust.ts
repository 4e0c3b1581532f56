/** Whom we believe behind `https://`: when requests are forwarded and when servers are checked (shared/spec proxying §12). */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

export type TrustSettings = {
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  /** PEM texts, one certificate each, that replace the system's roots; null: the system's. */
  readonly rootCAs: readonly string[] | null;
  /** PEM of our own certificate, for servers that ask for one, and of its key. Absent: none. */
  readonly cert?: string;
  readonly key?: string;
};

/** What all https:// servers share, one per thread. Reading the system's roots takes long: not before it is needed. */
export class TlsTrust {
  readonly verifies: boolean;
  private readonly rootCAs: readonly string[] | null;
  private readonly own: { readonly cert?: string; readonly key?: string };
  private made: SecureContext | null = null;

  constructor(settings: TrustSettings) {
    this.verifies = !settings.insecureSkipVerify;
    this.rootCAs = settings.rootCAs;
    const { cert, key } = settings;
    this.own = cert === undefined || key === undefined ? {} : { cert, key };
  }

  context(): SecureContext {
    this.made ??= createSecureContext({ ...this.roots(), ...this.own });
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
