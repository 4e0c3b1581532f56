/**
 * TLS of one entrypoint on uWebSockets (20.57). One app accepts, for ever, and gives each connection to the app that
 * holds the certificates in force (`addChildAppDescriptor`, which its workers are made of). What that one has shown
 * cannot be changed under its connections, so when it should be, another app takes its place between two connections, and
 * the old one ends its own with their next response. No handshake fails, and what was accepted is served. uWebSockets
 * never frees an app: an old one without connections is used again.
 */

import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { WorkerCertificate } from '../../protocol/messages.ts';
import type { CertificateStore } from '../../tls/certificate-store.ts';
import type { HttpResponse, TemplatedApp, Uws } from './uws.ts';
import { type AppServer, UwsTlsApp } from './uws-tls-app.ts';

/** What the package has, but does not declare. */
type Distributing = TemplatedApp & {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
};

function descriptorOf({ app }: UwsTlsApp): unknown {
  return (app as Distributing).getDescriptor();
}

export class UwsTls {
  /** Listens; has no connections of its own. */
  readonly acceptor: TemplatedApp;
  private readonly uws: Uws;
  private readonly store: CertificateStore;
  private readonly index: number;
  private readonly name: string;
  private readonly ciphers: string;
  private readonly sniStrict: boolean;
  private readonly server: AppServer;
  /** All that were ever made. */
  private readonly apps: UwsTlsApp[] = [];
  private current: UwsTlsApp;
  private closed = false;

  /** @throws TsujiError NO_KEY_FILE */
  constructor(uws: Uws, store: CertificateStore, index: number, { name, tls }: EntryPoint, server: AppServer) {
    this.uws = uws;
    this.store = store;
    this.index = index;
    this.name = name;
    this.ciphers = tls!.cipherSuites.join(':');
    this.sniStrict = tls!.sniStrict;
    this.server = server;
    this.acceptor = uws.SSLApp({});
    this.current = this.make();
    this.distribute(this.current);
    store.onChange(() => this.changed());
  }

  /** Ends every connection. */
  close(): void {
    this.closed = true;
    this.acceptor.close();
    for (const { app } of this.apps) app.close();
  }

  private fallback(): WorkerCertificate | undefined {
    return this.sniStrict ? undefined : this.store.defaultOf(this.index);
  }

  private make(): UwsTlsApp {
    const made = new UwsTlsApp(this.uws, this.store, this.index, this.fallback(), this.ciphers, this.server);
    const { app, state } = made;
    const connectionChanged = (response: HttpResponse, change: unknown): void => {
      state.connections += change as number;
      if (change !== 1) {
        this.server.disconnected();
        return;
      }
      this.server.connected(response);
      // Accepted before the end, handed over after it. Not at once: it is just being opened.
      if (this.closed) setImmediate(() => app.close());
    };
    app.filter(connectionChanged);
    this.apps.push(made);
    return made;
  }

  private distribute(app: UwsTlsApp): void {
    (this.acceptor as Distributing).addChildAppDescriptor(descriptorOf(app));
  }

  /** When it fails, what was served before still is. */
  private changed(): void {
    if (this.closed) return;
    try {
      if (this.current.isFor(this.fallback()) && this.current.staleNames().length === 0) return;
      this.replace(this.idle() ?? this.make());
    } catch (error) {
      log.event(EVENTS.certificateFailed, this.name, { entrypoint: this.name, reason: reasonOf(error) });
    }
  }

  private replace(next: UwsTlsApp): void {
    const last = this.current;
    this.distribute(next);
    (this.acceptor as Distributing).removeChildAppDescriptor(descriptorOf(last));
    next.state.retired = false;
    last.state.retired = true;
    this.current = next;
  }

  /** One that can serve again, with nothing stale. The others, whose default is not asked for any more, are emptied. */
  private idle(): UwsTlsApp | undefined {
    const fallback = this.fallback();
    for (const app of this.apps) if (app !== this.current && !app.isFor(fallback)) app.drop(app.names());
    return this.apps.find((app) => app !== this.current && app.isFor(fallback) && app.drop(app.staleNames()));
  }
}
