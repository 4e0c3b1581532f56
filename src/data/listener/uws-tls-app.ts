/**
 * One SSLApp of uWebSockets (20.57) with the certificates that its clients have asked for, added when the first one asks:
 * a name takes time and memory. What is to know of it, from its source and by trying:
 *  - A name cannot be replaced, and the certificate for clients without one is that of the app for life.
 *  - `removeServerName` frees the routes of the name under the connections that came by it. Their next request, tried:
 *    SIGSEGV, a closed connection, or the routes of another name. And for a name that is not there it frees the routes of
 *    the wildcard that covers it. So it is called only while the app has no connection at all, and with names by which a
 *    request has come.
 *  - A pair that BoringSSL refuses is not added, and nobody is told: the default is served.
 *  - A wildcard is a match, and then nobody asks for the names that it covers. So those are added first.
 *  - `domain`, without which a name has no routes, prints two lines to stdout.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { WorkerCertificate } from '../../protocol/messages.ts';
import type { CertificateStore } from '../../tls/certificate-store.ts';
import { tellRefused } from '../../tls/certificate-trouble.ts';
import { withPemFiles } from '../tls/pem-files.ts';
import type { HttpResponse, TemplatedApp, Uws } from './uws.ts';

/** The state of the app that a listener's connections belong to. */
export type AppState = {
  /** Its connections are to end, each with its next response. */
  retired: boolean;
  /** Those that are open and speak HTTP. */
  connections: number;
};

/** One set of routes. */
export type RouteOrigin = {
  readonly app: AppState;
  /** A request came by it. */
  used: boolean;
};

/** The listener above the apps. */
export interface AppServer {
  /** Registers a set of routes where the app stands. */
  serve(app: TemplatedApp, origin: RouteOrigin): void;
  /** A connection was accepted; it may be closed within the call. */
  connected(response: HttpResponse): void;
  /** One that spoke HTTP until then has ended. */
  disconnected(): void;
}

type Added = { readonly certificate: WorkerCertificate; readonly origin: RouteOrigin };

/** Names in unusual spelling that are added besides: no client of note writes a name other than in lower case. */
const MAX_SPELLINGS = 1000;
/** uWebSockets looks at so many labels of a name, and must not be asked for more. */
const MAX_LABELS = 10;
const NAME = /^[\x21-\x7e]{1,253}$/;

const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** Why BoringSSL does not take the key; '' when it does. */
function keyProblem(key: KeyObject): string {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = key;
  if (type === 'rsa' || type === 'ed25519') return '';
  if (type !== 'ec') return `BoringSSL has no keys of the type ${type}`;
  const curve = details?.namedCurve ?? 'unknown';
  return CURVES.has(curve) ? '' : `BoringSSL has no keys on the curve ${curve}`;
}

/** A new staple or precedence makes a new record of the same pair. */
function isSamePair(one: WorkerCertificate | undefined, other: WorkerCertificate | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.fingerprint !== other.fingerprint) return false;
  return Buffer.compare(one.cert, other.cert) === 0 && Buffer.compare(one.key, other.key) === 0;
}

function canBeAdded(name: string): boolean {
  // A star that is no wildcard to us would be one to uWebSockets.
  return NAME.test(name) && name.split('.').length <= MAX_LABELS && !name.replace(/^(?:\*\.)+/, '').includes('*');
}

/** `pattern` has wildcards; does it match `name`, which is another one? */
function covers(pattern: string, name: string): boolean {
  // Nearly all end here.
  if (!name.endsWith(pattern.slice(pattern.lastIndexOf('*') + 1))) return false;
  const labels = name.split('.');
  const wanted = pattern.split('.');
  return (
    name !== pattern &&
    labels.length === wanted.length &&
    wanted.every((label, at) => label === '*' || label === labels[at])
  );
}

export class UwsTlsApp {
  readonly app: TemplatedApp;
  readonly state: AppState = { retired: false, connections: 0 };
  private readonly store: CertificateStore;
  private readonly entryPoint: number;
  private readonly ciphers: string;
  private readonly server: AppServer;
  private readonly fallback: WorkerCertificate | undefined;
  /** Not necessarily taken by uWebSockets: that is sure only of those that were used. */
  private readonly added = new Map<string, Added>();
  private readonly refused = new WeakSet<WorkerCertificate>();
  private spellings = 0;

  /**
   * @param fallback for clients whose name nobody has; without one their handshakes fail
   * @param ciphers OpenSSL's names with colons between; '': BoringSSL's defaults
   * @throws TsujiError NO_KEY_FILE
   */
  constructor(
    uws: Uws,
    store: CertificateStore,
    entryPoint: number,
    fallback: WorkerCertificate | undefined,
    ciphers: string,
    server: AppServer,
  ) {
    this.store = store;
    this.entryPoint = entryPoint;
    this.fallback = fallback;
    this.ciphers = ciphers;
    this.server = server;
    this.app = (fallback && this.makeWith(uws, fallback)) ?? uws.SSLApp(this.cipherOptions());
    this.app.missingServerName((name) => this.missing(name));
    server.serve(this.app, { app: this.state, used: false });
  }

  /** It shows that certificate to clients whose name nobody has. */
  isFor(fallback: WorkerCertificate | undefined): boolean {
    return isSamePair(this.fallback, fallback);
  }

  /** Names for which it shows what it should not any more. */
  staleNames(): string[] {
    const names = this.names();
    const served = names.some((name) => name.startsWith('*.')) ? this.store.namesOf(this.entryPoint) : [];
    return names.filter((name) => {
      if (!isSamePair(this.added.get(name)!.certificate, this.store.find(this.entryPoint, name))) return true;
      // A wildcard hides a name that came later.
      return name.startsWith('*.') && served.some((other) => covers(name, other) && !this.added.has(other));
    });
  }

  names(): string[] {
    return [...this.added.keys()];
  }

  /** Drops `names`, when that is safe. False: it is not, now or ever. */
  drop(names: readonly string[]): boolean {
    if (this.state.connections !== 0 || names.some((name) => !this.added.get(name)!.origin.used)) return false;
    for (const name of names) {
      this.app.removeServerName(name);
      this.added.delete(name);
    }
    return true;
  }

  private makeWith(uws: Uws, certificate: WorkerCertificate): TemplatedApp | null {
    if (!this.isTaken(certificate)) return null;
    return withPemFiles(certificate, (cert_file_name, key_file_name) => {
      try {
        return uws.SSLApp({ cert_file_name, key_file_name, ...this.cipherOptions() });
      } catch (error) {
        this.refuse(certificate, reasonOf(error));
        return null;
      }
    });
  }

  private cipherOptions(): { ssl_ciphers?: string } {
    return this.ciphers === '' ? {} : { ssl_ciphers: this.ciphers };
  }

  /** Called within a handshake; uWebSockets looks the name up once more afterwards. What it throws would end the worker. */
  private missing(hostname: string): void {
    try {
      this.answerMissing(hostname);
    } catch (error) {
      log.event(EVENTS.certificateFailed, hostname, { names: hostname, reason: reasonOf(error) });
    }
  }

  private answerMissing(hostname: string): void {
    const name = this.store.nameFor(this.entryPoint, hostname);
    if (name === undefined || !NAME.test(hostname)) return;
    const written = hostname.replace(/\.$/, '');
    const isUsual = written === written.toLowerCase();
    const spelled = isUsual ? name : written;
    const before = this.added.get(spelled);
    if (before !== undefined) {
      this.refuse(before.certificate, 'BoringSSL refuses it');
      return;
    }
    if (!isUsual && ++this.spellings > MAX_SPELLINGS) return;
    if (spelled.startsWith('*.')) {
      for (const other of this.store.namesOf(this.entryPoint)) if (covers(spelled, other)) this.add(other);
    }
    this.add(spelled);
  }

  private add(name: string): void {
    if (this.added.has(name) || !canBeAdded(name)) return;
    const certificate = this.store.find(this.entryPoint, name)!;
    if (!this.isTaken(certificate)) return;
    withPemFiles(certificate, (cert_file_name, key_file_name) =>
      this.app.addServerName(name, { cert_file_name, key_file_name, ...this.cipherOptions() }),
    );
    const origin: RouteOrigin = { app: this.state, used: false };
    this.added.set(name, { certificate, origin });
    this.app.domain(name);
    this.server.serve(this.app, origin);
  }

  private isTaken(certificate: WorkerCertificate): boolean {
    if (this.refused.has(certificate)) return false;
    const reason = keyProblem(createPrivateKey(Buffer.from(certificate.key)));
    if (reason === '') return true;
    this.refuse(certificate, reason);
    return false;
  }

  private refuse(certificate: WorkerCertificate, reason: string): void {
    if (this.refused.has(certificate)) return;
    this.refused.add(certificate);
    tellRefused(certificate, `Engine:uws cannot serve it: ${reason}`);
  }
}
