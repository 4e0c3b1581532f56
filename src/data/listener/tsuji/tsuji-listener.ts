/**
 * One entrypoint of one worker on our own engine: HTTP/1 and HTTP/2 from bytes, in the clear and over TLS. The port is
 * shared with the other workers by SO_REUSEPORT.
 *
 *     server (accepts) ─▶ TcpSocket ─▶ Opening ─┬─ in the clear ─────────────────────┬─▶ Http1Connection ─▶ exchanges
 *                                               └─▶ TlsServerSocket (handshake) ─────┴─▶ Http2Connection ─▶ exchanges
 *
 * Where node's handles are not to be had, the sockets are StreamSockets, and a server of node's makes the handshakes; all
 * above is the same.
 * `Upgrade: h2c` is not taken: a server may ignore it (RFC 9110 §7.8), and RFC 9113 §3.1 has given it up.
 */

import { createServer, type Server, Socket } from 'node:net';
import { createServer as createTls, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { RequestHead } from '../../../http/request-head.ts';
import { whenQueueIsEmpty } from '../../../kernel/accept-queue.ts';
import type { EntryPoint } from '../../../kernel/entrypoint-options.ts';
import type { Fault } from '../../../kernel/errors.ts';
import { ListenError, reasonOf } from '../../../kernel/errors.ts';
import { EVENTS } from '../../../kernel/events.ts';
import { log } from '../../../kernel/log.ts';
import { tellOwnError } from '../../../kernel/own-error.ts';
import type { TlsEntryPoint } from '../../../tls/tls-entrypoint.ts';
import type { WorkerContext } from '../../context.ts';
import type { BaseSocket, SocketHost } from '../../socket/base-socket.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { acceptHandles, type RawHandle } from '../../socket/handles.ts';
import { StreamSocket } from '../../socket/stream-socket.ts';
import { TcpSocket } from '../../socket/tcp-socket.ts';
import { alpnList } from '../../socket/tls-handshake.ts';
import { TlsServerSocket } from '../../socket/tls-server-socket.ts';
import { ConnectionLimits, type Rejection } from '../connection-limits.ts';
import type { Listener } from '../listener.ts';
import { ClientWatch } from './client-watch.ts';
import { HandshakeCounts } from './handshake-counts.ts';
import { Http1Connection } from './http1-connection.ts';
import { HALF_CLOSED_MS } from './http1-limits.ts';
import { Http2Connection } from './http2-connection.ts';
import { Opening, type OpeningOwner, ProxyTrust } from './opening.ts';
import type { ClientConnection, EngineOwner } from './owner.ts';

/** The last one is what clients of HTTP/1.0 offer, when they offer anything. */
const ALPN = ['h2', 'http/1.1', 'http/1.0'];
const ALPN_LIST = alpnList(ALPN);
/** From when on a quiet connection asks whether its peer is still there. */
const KEEP_ALIVE_MS = 180_000;
/** The longest that a timer of node's takes. Openings are timed by ourselves. */
const NEVER_MS = 2 ** 31 - 1;
const BACKLOG = 511;

/**
 * Names a connection, since the socket that TLS makes of another one has the same ends and no documented way back to it.
 */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

export class TsujiListener implements Listener, EngineOwner, OpeningOwner, SocketHost {
  readonly worker: WorkerContext;
  readonly index: number;
  readonly head = new RequestHead();
  readonly watch: ClientWatch;
  readonly proxyTrust: ProxyTrust | null;
  readonly speaksTls: boolean;
  private readonly entryPoint: EntryPoint;
  private readonly onHandles: boolean;
  private readonly server: Server;
  private readonly tls: TlsServer | null;
  private readonly limits: ConnectionLimits;
  /** Of whom its address is counted. */
  private readonly admitted = new Map<BaseSocket, string>();
  private readonly openings = new Set<Opening>();
  /** Those of which a server of node's makes the handshake, by their ends. */
  private readonly openingsOfNode = new Map<string, Opening>();
  readonly handshakes: HandshakeCounts;
  private readonly connections = new Set<ClientConnection>();
  /** Connections that were accepted. */
  private accepts = 0;

  /** `onHandles`: node's handles may be used (src/data/socket/handles.ts). */
  constructor(worker: WorkerContext, index: number, entryPoint: EntryPoint, onHandles: boolean) {
    this.worker = worker;
    this.index = index;
    this.entryPoint = entryPoint;
    this.onHandles = onHandles;
    const { uploadTimeoutMs, downloadTimeoutMs, connectionLimits } = worker.options;
    this.watch = new ClientWatch(worker.wheel, [uploadTimeoutMs, downloadTimeoutMs, HALF_CLOSED_MS]);
    this.proxyTrust = entryPoint.proxyProtocol === null ? null : new ProxyTrust(entryPoint.proxyProtocol);
    this.limits = new ConnectionLimits(connectionLimits, index, entryPoint.name, worker.metrics, worker.counts.labels);
    this.handshakes = new HandshakeCounts(worker.counts.labels, entryPoint.name);
    const tls = worker.tls[index];
    this.speaksTls = tls !== null;
    this.tls = tls === null ? null : this.makeTls(tls);
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, allowHalfOpen: true };
    this.server = createServer(options, (socket) => this.accepted(socket));
  }

  listen(): Promise<void> {
    const { name, host, port } = this.entryPoint;
    const { server } = this;
    return new Promise((resolve, reject) => {
      server.on('error', (error) => {
        reject(
          new ListenError('LISTEN_FAILED', { entrypoint: name, address: `${host}:${port}`, reason: reasonOf(error) }),
        );
      });
      const at = { port, backlog: BACKLOG, reusePort: true };
      server.listen(host === '' ? at : { ...at, host }, () => {
        if (this.onHandles) acceptHandles(server, KEEP_ALIVE_MS, this.takeHandle, this.acceptFailed);
        resolve();
      });
    });
  }

  drain(): void {
    whenQueueIsEmpty(
      () => this.accepts,
      () => this.server.close(),
    );
    for (const connection of this.connections) connection.drain();
  }

  get isBusy(): boolean {
    for (const connection of this.connections) if (connection.isBusy) return true;
    return false;
  }

  close(): void {
    this.server.close();
    for (const opening of this.openings) opening.close();
    for (const connection of this.connections) connection.close();
  }

  private readonly takeHandle = (raw: RawHandle): void => {
    this.accepted(raw);
  };

  /** The process is out of file descriptors, or the system of something else: the client was closed by the system. */
  private readonly acceptFailed = (reason: string): void => {
    this.worker.metrics.clientRefused();
    this.limits.rejected('system');
    log.event(EVENTS.acceptFailed, this.entryPoint.name, { entrypoint: this.entryPoint.name, reason });
  };

  private accepted(source: RawHandle | Socket): void {
    let socket: TcpSocket | StreamSocket | null = null;
    this.accepts++;
    try {
      socket = source instanceof Socket ? new StreamSocket(source) : new TcpSocket(source);
      const takes = this.limits.accepted();
      const hasRoom = this.worker.descriptors.clientAccepted();
      socket.host = this;
      if (takes && !hasRoom) this.limits.rejected('descriptors');
      if (!takes || !hasRoom) socket.close();
      else if (this.proxyTrust !== null || this.admits(socket)) this.openings.add(new Opening(this, socket));
    } catch (error) {
      this.failed(error);
      socket?.close();
    }
  }

  admits(socket: BaseSocket): boolean {
    if (!this.limits.looksAtAddresses) return true;
    const address = socket.peerAddress();
    if (this.limits.admits(address)) {
      this.admitted.set(socket, address);
      return true;
    }
    socket.close();
    return false;
  }

  socketGone(socket: BaseSocket): void {
    this.worker.descriptors.clientClosed();
    this.limits.closed();
    const address = this.admitted.get(socket);
    if (address === undefined) return;
    this.admitted.delete(socket);
    this.limits.left(address);
  }

  rejected(reason: Rejection): void {
    this.limits.rejected(reason);
  }

  openingOver(opening: Opening): void {
    this.openings.delete(opening);
  }

  private makeTls(tls: TlsEntryPoint): TlsServer {
    const server = createTls({ ...tls.serverOptions(), ALPNProtocols: ALPN, handshakeTimeout: NEVER_MS });
    tls.attach(server, (socket) => this.secured(socket));
    // What a client makes of its handshake is its own business; the socket is closed already.
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => this.handshakes.failed(error.code ?? error.message));
    return server;
  }

  beginTls(opening: Opening, early: Buffer): void {
    const { socket } = opening;
    if (socket instanceof StreamSocket) {
      this.beginTlsOfNode(opening, socket.toSocket(early));
      return;
    }
    const address = this.proxyTrust === null ? '' : socket.peerAddress();
    const admitted = this.admitted.get(socket);
    const secure = this.onTls(opening, socket.release());
    this.admitted.delete(socket);
    secure.host = this;
    if (address !== '') secure.isOf(address);
    if (admitted !== undefined) this.admitted.set(secure, admitted);
    try {
      opening.goesOnWith(secure);
      secure.beginHandshake(early);
    } catch (error) {
      secure.handleCrashed(error);
    }
  }

  private onTls(opening: Opening, carrier: RawHandle): TlsServerSocket {
    try {
      return new TlsServerSocket(carrier, this.worker.tls[this.index]!, ALPN_LIST, opening);
    } catch (error) {
      carrier.close(() => {});
      opening.done();
      this.socketGone(opening.socket);
      throw error;
    }
  }

  private beginTlsOfNode(opening: Opening, carrier: Socket): void {
    opening.carrier = carrier;
    const ends = endsOf(carrier);
    this.openingsOfNode.set(ends, opening);
    carrier.once('close', () => {
      this.openingsOfNode.delete(ends);
      opening.done();
      this.socketGone(opening.socket);
    });
    this.tls!.emit('connection', carrier);
  }

  /** Within OpenSSL: what is thrown here would end the worker. */
  private secured(socket: TLSSocket): void {
    try {
      const opening = this.openingsOfNode.get(endsOf(socket));
      const made = new StreamSocket(socket);
      this.handshakes.done(made.tls, opening?.handshakeMs ?? 0);
      opening?.done();
      if (opening !== undefined) made.isOf(opening.socket.peerAddress());
      this.serve(made, false);
    } catch (error) {
      this.failed(error);
      socket.destroy();
    }
  }

  serve(socket: ByteSocket, preface: boolean): void {
    const speaksHttp2 = preface || socket.alpn === 'h2';
    this.connections.add(speaksHttp2 ? new Http2Connection(this, socket) : new Http1Connection(this, socket));
  }

  /** Its first request, whatever that is, is answered with `fault`. */
  refuse(socket: ByteSocket, problem: string, fault: Fault): void {
    const connection = new Http1Connection(this, socket);
    this.connections.add(connection);
    connection.refuse(problem, fault);
  }

  left(connection: ClientConnection): void {
    this.connections.delete(connection);
  }

  private failed(error: unknown): void {
    tellOwnError('connection of a client', error);
  }
}
