/** Tells a server which certificate its client has, and takes off what the client itself may say of it. */
import type { X509Certificate } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import type { ClientCertificateOptions } from '../../middlewares/client-certificate.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { clientCertificateLines, INFOS_FIELD, PEM_FIELD } from '../tls/client-certificate.ts';

const FIELDS: ReadonlySet<string> = new Set([PEM_FIELD, INFOS_FIELD]);
const NONE: readonly X509Certificate[] = [];

export class ClientCertificateFields implements Middleware {
  private readonly pass: ClientCertificateOptions;
  /** By the certificates of a connection: its text is the same for every request. */
  private readonly lines = new WeakMap<readonly X509Certificate[], string>();

  constructor(pass: ClientCertificateOptions) {
    this.pass = pass;
  }

  request({ client }: Scope, head: RequestHead): null {
    const certificates = client.clientCertificates?.() ?? NONE;
    let lines = certificates.length === 0 ? '' : this.lines.get(certificates);
    if (lines === undefined) {
      lines = clientCertificateLines(certificates, this.pass);
      this.lines.set(certificates, lines);
    }
    head.replaceFields(FIELDS, lines);
    return null;
  }
}
