/**
 * Makes the sockets of connections to servers: plain TCP for `http://` and `h2c://`, TLS for `https://`. All read into the
 * buffer they may be given, and try all addresses of a name, one after the other (happy eyeballs, RFC 8305).
 *
 * TLS (shared/spec proxying §2, §7, §12): the name that is asked for (SNI) and verified is the host of the server URL,
 * never the client's Host field; an address is verified against the addresses of the certificate. What is not told by
 * Node is whether a connection ended with close_notify: a body that only the end of its connection delimits may
 * therefore be cut short unnoticed, as in every client made with it.
 */
import { connect, type OnReadOpts, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { Resolver } from '../../kernel/resolve.ts';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import { type OwnTrust, type TlsTrust, TlsTrusts } from '../../kernel/tls-trust.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import type { ServerView } from '../../table/views.ts';
import type { Descriptors } from '../descriptors.ts';

const KEEP_ALIVE_MS = 30_000;
export const ALPN_HTTP1: readonly string[] = ['http/1.1'];
/** What is offered for requests: the server chooses. */
export const ALPN_ANY: readonly string[] = ['h2', 'http/1.1'];

type Lookup = Resolver['lookup'];

/** As the system says it when it has none left. */
class NoDescriptors extends Error {
  readonly code = 'EMFILE';
}

export type ServerAddress = Pick<ServerView, 'scheme' | 'host' | 'port' | 'hostHeader'>;

/** Where the connections to one server go, those of its pool and its WebSockets. */
export class DialTarget {
  readonly secure: boolean;
  /** h2c:// servers speak HTTP/2 and nothing else. */
  readonly priorKnowledge: boolean;
  /** Host and port as a URL has them. */
  readonly authority: string;
  private readonly host: string;
  private readonly port: number;
  private readonly lookup: Lookup;
  readonly trust: TlsTrust;
  private readonly descriptors: Descriptors;
  /** Resumes the last session: no certificates, and with TLS 1.2 a round trip less. */
  private session: Buffer | undefined = undefined;

  constructor(server: ServerAddress, lookup: Lookup, trust: TlsTrust, descriptors: Descriptors) {
    this.secure = server.scheme === 'https';
    this.priorKnowledge = server.scheme === 'h2c';
    this.authority = server.hostHeader;
    this.host = server.host;
    this.port = server.port;
    this.lookup = lookup;
    this.trust = trust;
    this.descriptors = descriptors;
  }

  /** The event after which the socket takes a request. Before it, `connect` tells that the server has accepted. */
  get ready(): 'connect' | 'secureConnect' {
    return this.secure ? 'secureConnect' : 'connect';
  }

  /** `onread`: where the bytes go, null for a socket that is read by its events. `alpn`: what TLS offers. */
  dial(onread: OnReadOpts | null, alpn: readonly string[] = ALPN_HTTP1): Socket {
    if (!this.descriptors.mayDial()) return new Socket().destroy(new NoDescriptors());
    const socket = this.connect(onread, alpn);
    socket.once('close', () => this.descriptors.serverClosed());
    return socket;
  }

  private connect(onread: OnReadOpts | null, alpn: readonly string[]): Socket {
    const { host, port, lookup } = this;
    const to = { host, port, lookup, autoSelectFamily: true, ...(onread === null ? {} : { onread }) };
    if (!this.secure) return connect({ ...to, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    const name = this.trust.nameAt(host);
    const socket = connectTls({
      ...to,
      secureContext: this.trust.context(),
      rejectUnauthorized: this.trust.verifies,
      ALPNProtocols: [...alpn],
      ...(name === '' ? {} : { servername: name }),
      ...(this.session === undefined ? {} : { session: this.session }),
    });
    // tls.connect does not pass these two on.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('session', (session: Buffer) => {
      this.session = session;
    });
    // Should a server stumble over its own session, the next dial is without.
    socket.on('error', () => {
      this.session = undefined;
    });
    return socket;
  }

  /** What the error of a socket that was not ready yet means. */
  fault(error: NodeJS.ErrnoException): Fault {
    const { code } = error;
    if (code === 'EMFILE' || code === 'ENFILE') return FAULTS.noDescriptors;
    if (error.syscall === 'getaddrinfo') return FAULTS.dnsFailed;
    if (code === 'ETIMEDOUT') return FAULTS.connectTimeout;
    // What the system says has a number. OpenSSL and the verification speak without one, or, when it meets a write that
    // waits for the handshake, as EPROTO.
    const system = error.errno !== undefined || code === 'ECONNRESET' || error instanceof AggregateError;
    return this.secure && (!system || code === 'EPROTO') ? FAULTS.tlsFailed : FAULTS.connectRefused;
  }
}

/** Makes the targets of one worker. */
export class Dialer {
  private readonly resolver: Resolver;
  private readonly descriptors: Descriptors;
  readonly trusts: TlsTrusts;

  constructor(options: BootOptions, wheel: TimerWheel, descriptors: Descriptors) {
    this.descriptors = descriptors;
    this.resolver = new Resolver(wheel);
    this.trusts = new TlsTrusts(options);
  }

  /** `own`: what is said of that server, null for nothing. */
  target(server: ServerAddress, own: OwnTrust | null): DialTarget {
    return new DialTarget(server, this.resolver.lookup, this.trusts.of(own), this.descriptors);
  }
}

/** Address and port that a socket is connected to, '' where it is not. Node asks the system once. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return '';
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** The text of an error of a socket, for the log. */
export function dialDetail(error: NodeJS.ErrnoException & { reason?: unknown }): string {
  if (error instanceof AggregateError) return error.errors.map(dialDetail).join('; ');
  // OpenSSL's own text is a line of codes around its reason.
  if (typeof error.reason === 'string' && error.reason !== '') return error.reason;
  // Node goes on with an advice to whoever starts Node.
  return error.message.replace(/; if the root CA is installed locally.*$/s, '');
}
