/** The options of an entrypoint as paths below it (shared/spec kv-schema §12, cli-api §4) → their names as a flag has them. */

export type PathOption = {
  /** The option's name; '' for a section that asks for nothing by itself, and for a pair of certificate and key. */
  readonly name: string;
  /** `section`: it is there, whatever is in it. `list`: its items stand between commas. `item`: of a list. */
  readonly kind: 'text' | 'list' | 'item' | 'section' | 'cert' | 'key';
  /** Of a section: what it says by being there. */
  readonly texts: readonly string[];
  /** Of a pair. */
  readonly index: number;
  /** It stands below `tls`: the entrypoint has TLS. */
  readonly tls: boolean;
};

/** Without case; `#` is a number. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['address', 'Address'],
  ['engine', 'Engine'],
  ['compress', 'Compress'],
  ['tls/minversion', 'TLS.MinVersion'],
  ['tls/ciphersuites/#', 'TLS.CipherSuites'],
  ['tls/snistrict', 'TLS.SniStrict'],
  ['tls/defaultcertificate/certfile', 'TLS.DefaultCertificate.Cert'],
  ['tls/defaultcertificate/keyfile', 'TLS.DefaultCertificate.Key'],
  ['tls/clientca/files/#', 'CA'],
  ['tls/clientca/optional', 'CA.Optional'],
  // The older spelling; such a certificate is always required.
  ['tls/clientcafiles/#', 'ClientCAFiles'],
  ['redirect/entrypoint', 'Redirect.EntryPoint'],
  ['redirect/regex', 'Redirect.Regex'],
  ['redirect/replacement', 'Redirect.Replacement'],
  ['redirect/permanent', 'Redirect.Permanent'],
  ['whitelist/sourcerange/#', 'WhiteList.SourceRange'],
  ['whitelist/usexforwardedfor', 'WhiteList.UseXForwardedFor'],
  ['whitelistsourcerange/#', 'WhiteListSourceRange'],
  ['proxyprotocol/insecure', 'ProxyProtocol.Insecure'],
  ['proxyprotocol/trustedips/#', 'ProxyProtocol.TrustedIPs'],
  ['forwardedheaders/insecure', 'ForwardedHeaders.Insecure'],
  ['forwardedheaders/trustedips/#', 'ForwardedHeaders.TrustedIPs'],
]);

/** The option that a section asks for by being there, and what it says of it until something below says more. */
const SECTIONS: ReadonlyMap<string, readonly [name: string, texts: readonly string[]]> = new Map([
  ['tls/clientca', ['CA', []]],
  ['redirect', ['Redirect', []]],
  ['whitelist', ['WhiteList.SourceRange', []]],
  ['proxyprotocol', ['ProxyProtocol.Insecure', ['false']]],
  ['forwardedheaders', ['ForwardedHeaders.Insecure', ['false']]],
]);
const NO_OPTION = ['', []] as const;
/** Sections that ask for nothing by themselves. */
const PLAIN_SECTION = /^(?:tls|tls\/certificates(?:\/[0-9]{1,4})?|tls\/defaultcertificate)?$/;

/** For hints. */
export const PATH_NAMES: readonly string[] = [...PATHS.keys()].map((path) => path.replace('/#', ''));

const PATHS_BY_OPTION: ReadonlyMap<string, string> = new Map(Array.from(PATHS, ([path, name]) => [name, path]));
/** Lists among the options of `auth`. */
const AUTH_LIST = /\.(?:Users|AuthResponseHeaders)$/;

/** The path of an option below its entrypoint; `/#` at its end: of a list. null: it has none of its own. */
export function optionPath(option: string): string | null {
  if (!option.startsWith('Auth.')) return PATHS_BY_OPTION.get(option) ?? null;
  return option.toLowerCase().replaceAll('.', '/') + (AUTH_LIST.test(option) ? '/#' : '');
}

const CERTIFICATE = /^tls\/certificates\/([0-9]{1,4})\/(cert|key)file$/;

function sectionOption(section: string): readonly [name: string, texts: readonly string[]] | null {
  // What we cannot do is asked for without any user as well.
  if (/^auth(?:\/|$)/.test(section)) return ['Auth', [section]];
  return SECTIONS.get(section) ?? (PLAIN_SECTION.test(section) ? NO_OPTION : null);
}

/** null: there is no such option. A last part of '' means that a section is there, with nothing in it. */
export function entryPointOption(parts: readonly string[]): PathOption | null {
  const path = parts.join('/').toLowerCase();
  const tls = path.startsWith('tls/');
  if (path.endsWith('/')) {
    const option = sectionOption(path.slice(0, -1));
    return option === null ? null : { name: option[0], kind: 'section', texts: option[1], index: -1, tls };
  }
  const certificate = CERTIFICATE.exec(path);
  if (certificate !== null) {
    return { name: '', kind: certificate[2] as 'cert' | 'key', texts: [], index: Number(certificate[1]), tls };
  }
  // None of it is there yet; a name that begins so makes the entrypoint refuse what it asks for.
  if (path.startsWith('auth/'))
    return { name: `Auth.${parts.slice(1).join('.')}`, kind: 'text', texts: [], index: -1, tls };
  for (const [kind, spelling] of [
    ['text', path],
    ['list', `${path}/#`],
    ['item', path.replace(/\/[0-9]{1,4}$/, '/#')],
  ] as const) {
    const name = PATHS.get(spelling);
    if (name !== undefined) return { name, kind, texts: [], index: -1, tls };
  }
  return null;
}
