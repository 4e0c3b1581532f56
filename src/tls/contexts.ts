/**
 * Secure contexts of certificates, made when the first client asks for one: parsing a key costs OpenSSL time and
 * memory, and of ten thousand certificates few are busy at a time.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { reasonOf } from '../kernel/errors.ts';
import type { WorkerCertificate } from '../protocol/messages.ts';
import { tellRefused } from './certificate-trouble.ts';

/** Kept per entrypoint; the one that was used longest ago makes room. */
const MAX_CONTEXTS = 1000;

export class SecureContexts {
  /** By id, in the order of last use. null: OpenSSL refuses it. */
  private readonly cached = new Map<number, SecureContext | null>();
  private readonly clientCAs: readonly string[];

  /** `clientCAs`: a context that SNI picks brings the authorities of client certificates with it. */
  constructor(clientCAs: readonly string[]) {
    this.clientCAs = clientCAs;
  }

  get(certificate: WorkerCertificate): SecureContext | null {
    let context = this.cached.get(certificate.id);
    if (context === undefined) context = this.make(certificate);
    else this.cached.delete(certificate.id);
    this.cached.set(certificate.id, context);
    if (this.cached.size > MAX_CONTEXTS) this.cached.delete(this.cached.keys().next().value!);
    return context;
  }

  forget(ids: readonly number[]): void {
    for (const id of ids) this.cached.delete(id);
  }

  private make(certificate: WorkerCertificate): SecureContext | null {
    try {
      // An empty list of authorities: without one node would load all that it knows, to verify nobody with them.
      return createSecureContext({ ...pemOf(certificate), ca: [...this.clientCAs], allowPartialTrustChain: true });
    } catch (error) {
      tellRefused(certificate, `OpenSSL refuses it: ${reasonOf(error)}`);
      return null;
    }
  }
}

/** The pair as node takes it: copies, because OpenSSL's readers take no shared memory. */
export function pemOf(certificate: WorkerCertificate): { cert: Buffer; key: Buffer } {
  return { cert: Buffer.from(certificate.cert), key: Buffer.from(certificate.key) };
}
