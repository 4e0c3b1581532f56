/**
 * What an entrypoint can be told besides its address (shared/spec cli-api §3). Frozen plain data, checked when it was
 * read: it goes from the settings to the workers as it stands. Frontends have some of it as well.
 */

/** Each a path if such a file exists, else PEM text. */
export type CertificatePair = { readonly cert: string; readonly key: string };

/** Node's spelling. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export type EntryPointTls = {
  readonly certificates: readonly CertificatePair[];
  readonly minVersion: TlsVersion;
  /** OpenSSL's names, in the order given; empty: Node's defaults. */
  readonly cipherSuites: readonly string[];
  /** Refuse a handshake that no certificate fits. */
  readonly sniStrict: boolean;
  readonly defaultCertificate: CertificatePair | null;
  readonly clientCA: {
    /** Each a path if such a file exists, else PEM text; at least one. */
    readonly files: readonly string[];
    /** Verify only what is presented; otherwise a client certificate is required. */
    readonly optional: boolean;
  } | null;
};

/** Either `entryPoint` is named, or `regex` and `replacement` are given; the rest is ''. */
export type RedirectOptions = {
  readonly entryPoint: string;
  /** RE2; matched anywhere in `scheme://host/path?query`. */
  readonly regex: string;
  /** `$1`, `${1}`, `${name}` stand for groups. */
  readonly replacement: string;
  /** 301 and 308 instead of 302 and 307. */
  readonly permanent: boolean;
};

export type WhiteListOptions = {
  /** Addresses and CIDR ranges; at least one. */
  readonly sourceRange: readonly string[];
  /** Any address in X-Forwarded-For may be in the list as well. */
  readonly useXForwardedFor: boolean;
};

/** Whom to believe: everybody, or these addresses and CIDR ranges. */
export type TrustOptions = { readonly insecure: boolean; readonly trustedIPs: readonly string[] };

/** `uws`: uWebSockets, HTTP/1.1. `tsuji`: our own (src/data/listener/tsuji/). */
export type Engine = 'uws' | 'tsuji';

/** An address that is listened on, as it goes from the settings to the workers. Its index is its bit in the table. */
export type EntryPoint = {
  readonly name: string;
  /** The text as configured, e.g. `:80`. */
  readonly address: string;
  /** '' means all interfaces, IPv4 and IPv6. An IPv6 literal has no brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly engine: Engine;
  readonly tls: EntryPointTls | null;
  readonly redirect: RedirectOptions | null;
  /** As src/middlewares/auth.ts has it; null: everybody may ask. */
  readonly auth: object | null;
  readonly compress: boolean;
  readonly whiteList: WhiteListOptions | null;
  /** Whose X-Forwarded-* are believed. */
  readonly forwardedHeaders: TrustOptions;
  /** null: no connection begins with a PROXY header. */
  readonly proxyProtocol: TrustOptions | null;
};
