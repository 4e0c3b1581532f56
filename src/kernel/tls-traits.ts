/** What the TLS of a client's connection is, as metrics and logs name it. One object for all connections that are alike. */

export type TlsTraits = {
  /** Its place among those that were seen. */
  readonly number: number;
  /** `1.2`, `1.3` */
  readonly version: string;
  /** As IANA registers it, which is how Go names it. */
  readonly cipher: string;
  /** A session was resumed. */
  readonly resumed: boolean;
};

/** Of all that a TLS library has, a connection uses one of so many: what is beyond is counted as the last. */
export const MAX_TLS_TRAITS = 128;

/** What node and its handles know of a connection. */
export interface TlsConnection {
  /** `TLSv1.3` */
  getProtocol(): string | null;
  getCipher(): { readonly standardName?: string } | null | undefined;
  isSessionReused(): boolean;
}

const known = new Map<string, TlsTraits>();
const list: TlsTraits[] = [];

export function tlsTraitsOf(connection: TlsConnection): TlsTraits {
  const version = (connection.getProtocol() ?? '').replace(/^TLSv(\d)$/, 'TLSv$1.0').replace('TLSv', '');
  const name = connection.getCipher()?.standardName ?? '';
  const resumed = connection.isSessionReused();
  const key = `${version} ${name} ${resumed}`;
  let traits = known.get(key);
  if (traits === undefined) {
    if (list.length === MAX_TLS_TRAITS) return list[MAX_TLS_TRAITS - 1];
    traits = Object.freeze({ number: list.length, version, cipher: name, resumed });
    list.push(traits);
    known.set(key, traits);
  }
  return traits;
}
