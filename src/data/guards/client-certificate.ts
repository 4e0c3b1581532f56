/** Tells a server which certificate its client has, and takes off what the client itself may say of it. */
import type { X509Certificate } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import type { ClientCertificateOptions } from '../../middlewares/client-certificate.ts';
import { clientCertificateLines, INFOS_FIELD, PEM_FIELD } from '../tls/client-certificate.ts';
import type { TlsEntryPoint } from '../tls/tls-entrypoint.ts';
import type { Peer } from './entrypoint-guard.ts';

const FIELDS = [PEM_FIELD, INFOS_FIELD];
const NONE: readonly X509Certificate[] = [];

export class ClientCertificateFields {
  private readonly pass: ClientCertificateOptions;
  /** By the chain of a connection: its text is the same for every request. */
  private readonly lines = new WeakMap<readonly X509Certificate[], string>();

  constructor(pass: ClientCertificateOptions) {
    this.pass = pass;
  }

  /** `tls`: of the entrypoint; null for one without TLS. */
  apply(head: RequestHead, from: Peer, tls: TlsEntryPoint | null): void {
    const chain = tls === null ? NONE : (from.clientCertificates?.() ?? NONE);
    let lines = chain.length === 0 ? '' : this.lines.get(chain);
    if (lines === undefined) {
      // OpenSSL completes the chain with our authorities, which the client has not sent.
      const sent = chain.filter((one, i) => i === 0 || !tls!.isAuthority(one));
      lines = clientCertificateLines(sent, this.pass);
      this.lines.set(chain, lines);
    }
    head.replaceFields(FIELDS, lines);
  }
}
