/** The options of an entrypoint as paths below it (shared/spec kv-schema §12, cli-api §4) → their names as a flag has them. */

export type PathOption = {
  /** The option's name; '' for what has none: a section that asks for nothing by itself, or a pair of certificate and key. */
  readonly name: string;
  /** Of an item in a list, or of a pair; -1 for neither. */
  readonly index: number;
  /** Which half of a pair. */
  readonly pair: 'cert' | 'key' | null;
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
  ['tls/clientcafiles/#', 'CA'],
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

const CERTIFICATE = /^tls\/certificates\/([0-9]{1,4})\/(cert|key)file$/;

/** null: there is no such option. A last part of '' means that a section is there, with nothing in it. */
export function entryPointOption(parts: readonly string[]): PathOption | null {
  const path = parts.join('/').toLowerCase();
  const tls = path.startsWith('tls/');
  const auth = /^auth\/(basic|digest|forward)\/$/.exec(path);
  if (auth !== null) return { name: `Auth.${auth[1]}`, index: -1, pair: null, tls };
  if (path.endsWith('/')) return { name: '', index: -1, pair: null, tls };
  const certificate = CERTIFICATE.exec(path);
  if (certificate !== null) {
    return { name: '', index: Number(certificate[1]), pair: certificate[2] as 'cert' | 'key', tls };
  }
  // None of it is there yet; a name that begins so makes the entrypoint refuse what it asks for.
  if (path.startsWith('auth/')) return { name: `Auth.${parts.slice(1).join('.')}`, index: -1, pair: null, tls };
  const name = PATHS.get(path);
  if (name !== undefined) return { name, index: -1, pair: null, tls };
  const item = PATHS.get(path.replace(/\/[0-9]{1,4}$/, '/#'));
  return item === undefined ? null : { name: item, index: Number(parts.at(-1)), pair: null, tls };
}
