/** What is known of a client's TLS once its handshake is through: for whoever tells of it, asked once per connection. */

import type { X509Certificate } from 'node:crypto';
import { type TlsConnection, tlsTraitsOf } from '../../kernel/tls-traits.ts';
import { subjectText } from './subject-text.ts';

export type TlsFacts = {
  /** `1.3` */
  readonly version: string;
  /** As IANA and Go name it. */
  readonly cipher: string;
  /** From a session before, without certificates. */
  readonly resumed: boolean;
  /** Of the certificate that the client has shown and that was verified, as Go prints it; '' for none. */
  readonly clientSubject: string;
};

const facts = new WeakMap<TlsConnection, TlsFacts>();

export function tlsFactsOf(source: TlsConnection, certificates: readonly X509Certificate[]): TlsFacts {
  let known = facts.get(source);
  if (known === undefined) {
    const { version, cipher, resumed } = tlsTraitsOf(source);
    known = {
      version,
      cipher,
      resumed,
      clientSubject: certificates.length === 0 ? '' : subjectText(certificates[0]),
    };
    facts.set(source, known);
  }
  return known;
}
