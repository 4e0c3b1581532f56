/**
 * TLS of one entrypoint in one worker, for the servers of node:https and node:http2:
 *
 *     const tls = new TlsEntryPoint(index, options, clientCAs, store, tickets);
 *     const server = createServer({ ...tls.serverOptions(), ALPNProtocols });
 *     tls.attach(server, (socket) => …);
 *
 * From then on it picks the certificate of each handshake, follows the store and the ring of ticket keys without
 * touching open connections, staples OCSP responses, and lets no client through whose certificate does not hold.
 *
 * Our own engine makes its handshakes past those servers (src/data/socket/tls-handshake.ts) and asks for the same by
 * `firstFor`, `contextFor`, `stapleOf` and `admits`.
 */
import { constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { EntryPointTls } from '../kernel/entrypoint-options.ts';
import { reasonOf } from '../kernel/errors.ts';
import type { WorkerCertificate } from '../protocol/messages.ts';
import type { CertificateStore } from './certificate-store.ts';
import { tellRefused } from './certificate-trouble.ts';
import { pemOf, SecureContexts } from './contexts.ts';
import type { TicketKeys } from './ticket-keys.ts';
import { isAdmitted, type ShownCertificate } from './verified-client.ts';

/** Seconds for which a client may resume a session: as long as its ticket's key is known for sure. */
const SESSION_SECONDS = 12 * 3600;
const V4_IN_V6 = '::ffff:';

/** What node keeps for itself: the context that a new connection begins with. */
type ServerInside = Server & { _sharedCreds: SecureContext };

/**
 * Node's choice, but with AES-128 before AES-256 in TLS 1.3, as Go and so Traefik have it and Mozilla advises: SHA-256 instead
 * of SHA-384 makes a handshake cheaper (bench/README.md).
 */
const FIRST_SUITE = 'TLS_AES_128_GCM_SHA256';
const CIPHERS = [FIRST_SUITE, ...DEFAULT_CIPHERS.split(':').filter((name) => name !== FIRST_SUITE)].join(':');

function cipherList(tls: EntryPointTls): string {
  const list = tls.cipherSuites.length > 0 ? tls.cipherSuites.join(':') : CIPHERS;
  // OpenSSL takes signatures with SHA-1, which TLS 1.1 and older need, at this level only.
  return tls.minVersion < 'TLSv1.2' ? `${list}:@SECLEVEL=0` : list;
}

export class TlsEntryPoint {
  private readonly entryPoint: number;
  private options: TlsOptions;
  /** What does not change with the authorities. */
  private readonly tls: EntryPointTls;
  private readonly sniStrict: boolean;
  private readonly store: CertificateStore;
  private readonly tickets: TicketKeys;
  private contexts: SecureContexts;
  private clientCAs: readonly string[];
  /** null: clients are asked for no certificate. */
  readonly clientCertificate: 'required' | 'optional' | null;
  /** By id: contexts that a connection begins with, for clients without SNI. */
  private readonly firstContexts = new Map<number, SecureContext | null>();
  /** For handshakes that no certificate is for: it has none, so they fail as they should. */
  private bare: SecureContext;
  private readonly servers = new Set<Server>();

  /** @param clientCAs PEM texts of the authorities of client certificates; empty: none are asked for */
  constructor(
    entryPoint: number,
    tls: EntryPointTls,
    clientCAs: readonly string[],
    store: CertificateStore,
    tickets: TicketKeys,
  ) {
    this.entryPoint = entryPoint;
    this.sniStrict = tls.sniStrict;
    this.store = store;
    this.tickets = tickets;
    this.tls = tls;
    this.clientCAs = clientCAs;
    this.contexts = new SecureContexts(clientCAs);
    this.clientCertificate = clientCAs.length === 0 ? null : tls.clientCA!.optional ? 'optional' : 'required';
    this.options = this.optionsWith(clientCAs);
    this.bare = this.firstContext(null)!;
    store.onChange((removed) => this.changed(removed));
  }

  /** Handshakes from now on ask for certificates of these authorities. Open connections stay. */
  renew(clientCAs: readonly string[]): void {
    // Whether any are asked for is settled when it is listened on.
    if (clientCAs.length === 0 || isDeepStrictEqual(clientCAs, this.clientCAs)) return;
    this.clientCAs = clientCAs;
    this.contexts = new SecureContexts(clientCAs);
    this.options = this.optionsWith(clientCAs);
    this.firstContexts.clear();
    this.bare = this.firstContext(null)!;
    this.changed([]);
  }

  private optionsWith(clientCAs: readonly string[]): TlsOptions {
    const { tls } = this;
    return {
      minVersion: tls.minVersion,
      maxVersion: 'TLSv1.3',
      ciphers: cipherList(tls),
      ecdhCurve: 'auto',
      honorCipherOrder: true,
      // HTTP/2 forbids it (RFC 9113 §9.2.1), and with it a peer could make us wait in the middle of a write.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ca: [...clientCAs],
      // As in Go, an authority that is named is trusted by itself, a root or not.
      allowPartialTrustChain: true,
      requestCert: this.clientCertificate !== null,
      // Node has no word for "only what is shown": without this it verifies, and lets everybody through.
      rejectUnauthorized: this.clientCertificate === 'required',
      sessionTimeout: SESSION_SECONDS,
      // The same on all workers and nodes, and another one where other clients are let in: a session that began without
      // a client certificate must not be resumed where one is required.
      sessionIdContext: createHash('sha256')
        .update(JSON.stringify(['tsuji', tls.clientCA?.optional ?? null, clientCAs]))
        .digest('hex')
        .slice(0, 32),
      SNICallback: (name, callback) => this.pick(name, callback),
    };
  }

  /** For `createSecureServer` and its kin. */
  serverOptions(): TlsOptions {
    return { ...this.options };
  }

  /**
   * Right after the server was made, before it listens.
   * @param accept takes each connection whose handshake is through
   */
  attach(server: Server, accept: (socket: TLSSocket) => void): void {
    this.servers.add(server);
    server.once('close', () => this.servers.delete(server));
    // Before node's own listener, which begins the handshake.
    server.prependListener('connection', (socket: Socket) => this.beginConnection(server, socket));
    server.on('secureConnection', (socket: TLSSocket) => {
      if (this.admits(socket)) accept(socket);
      else socket.destroy();
    });
    this.followStaples(server);
    this.beginWith(server, this.defaultContext());
  }

  private pick(name: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    const context = this.contextFor(name);
    if (context === undefined) callback(new Error('no certificate for this name'));
    else if (context === null) callback(null);
    else callback(null, context);
  }

  /** For a client that names a server; null: the context that the handshake began with; undefined: none is for it. */
  contextFor(name: string): SecureContext | null | undefined {
    const certificate = this.store.find(this.entryPoint, name);
    const context = certificate === undefined ? null : this.contexts.get(certificate);
    // It may have begun with the certificate of an address, which is for clients that name nobody.
    return context === null && this.store.hasAddresses ? this.contextOfDefault() : context;
  }

  private contextOfDefault(): SecureContext | undefined {
    const certificate = this.sniStrict ? undefined : this.store.defaultOf(this.entryPoint);
    return certificate === undefined ? undefined : (this.contexts.get(certificate) ?? undefined);
  }

  /** The context that a handshake begins with. `localAddress`: where the client has come to; asked only if it matters. */
  firstFor(localAddress: () => string): SecureContext {
    const byAddress = this.store.hasAddresses ? this.contextOfAddress(localAddress()) : null;
    return byAddress ?? this.defaultContext();
  }

  /** For a client that asks for it; null: there is none. `der`: the certificate that it is shown. */
  stapleOf(der: Buffer): Buffer | null {
    const staple = this.store.hasStaples ? this.store.stapleFor(der) : null;
    return staple === null ? null : Buffer.from(staple);
  }

  /** May the client of a handshake that is through come in? */
  admits(shown: ShownCertificate): boolean {
    return this.clientCertificate === null || isAdmitted(shown, this.clientCertificate === 'optional');
  }

  private defaultContext(): SecureContext {
    const certificate = this.sniStrict ? undefined : this.store.defaultOf(this.entryPoint);
    return (certificate && this.contextOf(certificate)) ?? this.bare;
  }

  private contextOf(certificate: WorkerCertificate): SecureContext | null {
    let context = this.firstContexts.get(certificate.id);
    if (context === undefined) {
      context = this.firstContext(certificate);
      this.firstContexts.set(certificate.id, context);
    }
    return context;
  }

  private firstContext(certificate: WorkerCertificate | null): SecureContext | null {
    const { SNICallback: _, ...options } = this.options;
    try {
      const context = createSecureContext({ ...options, ...(certificate === null ? {} : pemOf(certificate)) });
      this.tickets.install(context);
      return context;
    } catch (error) {
      if (certificate === null) throw error;
      tellRefused(certificate, `OpenSSL refuses it: ${reasonOf(error)}`);
      return null;
    }
  }

  /**
   * Without SNI node asks nobody which certificate to take, so the choice is made before the client has said anything:
   * by the address that it came to, where a certificate has addresses among its names. With SNI it is made anew.
   */
  private beginConnection(server: Server, socket: Socket): void {
    if (!this.store.hasAddresses) return;
    this.beginWith(server, this.contextOfAddress(socket.localAddress ?? '') ?? this.defaultContext());
  }

  private contextOfAddress(local: string): SecureContext | null {
    const address = local.startsWith(V4_IN_V6) ? local.slice(V4_IN_V6.length) : local;
    const certificate = this.store.find(this.entryPoint, address);
    return certificate === undefined ? null : this.contextOf(certificate);
  }

  private beginWith(server: Server, context: SecureContext): void {
    (server as ServerInside)._sharedCreds = context;
  }

  private changed(removed: readonly number[]): void {
    this.contexts.forget(removed);
    for (const id of removed) this.firstContexts.delete(id);
    for (const server of this.servers) {
      this.followStaples(server);
      this.beginWith(server, this.defaultContext());
    }
  }

  /** The listener costs each handshake of a client that asks for a staple; it is there only while there are any. */
  private followStaples(server: Server): void {
    server.off('OCSPRequest', this.staple);
    if (this.store.hasStaples) server.on('OCSPRequest', this.staple);
  }

  private readonly staple = (
    der: Buffer,
    _issuer: Buffer,
    callback: (error: Error | null, response: Buffer | null) => void,
  ): void => {
    callback(null, this.stapleOf(der));
  };
}
