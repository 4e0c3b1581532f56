/** Whom we believe behind `https://`: when requests are forwarded and when servers are checked (shared/spec proxying §12). */
import { isIP } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

export type TrustSettings = {
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  /** PEM texts, one certificate each, that replace the system's roots; null: the system's. */
  readonly rootCAs: readonly string[] | null;
};

/** What a backend or an option says of its own servers. It counts in the place of what holds for all. */
export type OwnTrust = {
  /** PEM texts, '' for none: of the authorities that are believed, of our certificate for servers that ask for one, of its key. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The name that is asked for and verified; '': the host of the server's URL. */
  readonly serverName: string;
  readonly insecureSkipVerify: boolean;
};

/** What servers share, per thread. Reading the system's roots takes long: not before it is needed. */
export class TlsTrust {
  readonly verifies: boolean;
  private readonly rootCAs: readonly string[] | null;
  private readonly own: { readonly cert?: string; readonly key?: string };
  private readonly serverName: string;
  private made: SecureContext | null = null;

  constructor(settings: TrustSettings, own: OwnTrust | null) {
    this.verifies = !(own ?? settings).insecureSkipVerify;
    this.rootCAs = own === null || own.ca === '' ? settings.rootCAs : [own.ca];
    this.own = own === null || own.cert === '' ? {} : { cert: own.cert, key: own.key };
    this.serverName = own?.serverName ?? '';
  }

  /** The name to ask for (SNI) and to verify at `host`, a name or an address; '' for an address. */
  nameAt(host: string): string {
    if (this.serverName !== '') return this.serverName;
    return isIP(host) === 0 ? host.replace(/\.$/, '') : '';
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

/** So many are kept: a change of certificates leaves one behind. */
const MAX_KEPT = 1_000;

/** Of all servers, and of those of whom something else is said: the same for the same words. */
export class TlsTrusts {
  private readonly settings: TrustSettings;
  private readonly ofAll: TlsTrust;
  private readonly byText = new Map<string, TlsTrust>();

  constructor(settings: TrustSettings) {
    this.settings = settings;
    this.ofAll = new TlsTrust(settings, null);
  }

  /** null: nothing is said of them. */
  of(own: OwnTrust | null): TlsTrust {
    if (own === null) return this.ofAll;
    const text = JSON.stringify(own);
    let trust = this.byText.get(text);
    if (trust === undefined) {
      if (this.byText.size >= MAX_KEPT) this.byText.clear();
      trust = new TlsTrust(this.settings, own);
      this.byText.set(text, trust);
    }
    return trust;
  }
}
