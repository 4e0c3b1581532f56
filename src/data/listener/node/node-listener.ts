/**
 * One entrypoint of one worker on node:http and node:http2: cleartext with what uWebSockets cannot do, and TLS. The port
 * is shared with the other workers by SO_REUSEPORT.
 *
 *     front ── first bytes ─┬─ HTTP/1 ──────────────────────────▶ http1 ─▶ Http1Connection ─▶ exchange
 *     (listens)             ├─ preface of HTTP/2 ───────────────▶ http2 ─▶ Http2Session ────▶ exchange
 *                           └─ TLS ─▶ tls ── by what ALPN says ─▶ http1 or http2
 *
 * Only the front listens; the other servers are given its connections by their `connection` event, as node documents it.
 * `Upgrade: h2c` is not taken: a server may ignore it (RFC 9110 §7.8), and RFC 9113 §3.1 has given it up.
 */
import type { Server as Http1Server, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls, type Server as TlsServer } from 'node:tls';
import { listMembers } from '../../../http/fields.ts';
import { RequestHead } from '../../../http/request-head.ts';
import type { EntryPoint } from '../../../kernel/entrypoint-options.ts';
import { reasonOf, TsujiError } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import type { TlsEntryPoint } from '../../../tls/tls-entrypoint.ts';
import type { WorkerContext } from '../../context.ts';
import { HttpExchange } from '../../exchange/http-exchange.ts';
import type { Listener } from '../listener.ts';
import { ClientWatch } from '../tsuji/client-watch.ts';
import { lingerOn } from './deadline.ts';
import { type FirstBytes, lookAtFirstBytes } from './first-bytes.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http1Downstream } from './http1-downstream.ts';
import { Http2Downstream } from './http2-downstream.ts';
import { Http2Session } from './http2-session.ts';
import * as limits from './limits.ts';
import { Openings } from './openings.ts';
import type { NodeOwner } from './owner.ts';
import { ProxiedPeers } from './proxied-peers.ts';
import { NO_CONNECT, PLAIN_HTTP } from './raw-reply.ts';
import { fillHttp1, fillHttp2, isGrpc } from './request.ts';
import { http1Server, http2Server } from './servers.ts';
import { TunnelDownstream } from './tunnel-downstream.ts';

/** The last one is what clients of HTTP/1.0 offer, when they offer anything. */
const ALPN = ['h2', 'http/1.1', 'http/1.0'];
/** From when on a quiet connection asks whether its peer is still there. */
const KEEP_ALIVE_MS = 180_000;
/** The longest that a timer of node's takes. Openings are timed by ourselves. */
const NEVER_MS = 2 ** 31 - 1;
const BACKLOG = 511;

export class NodeListener implements Listener, NodeOwner {
  readonly worker: WorkerContext;
  private readonly index: number;
  private readonly entryPoint: EntryPoint;
  /** null: no connection begins with a PROXY header. */
  private readonly proxied: ProxiedPeers | null;
  private readonly front: Server;
  private readonly tls: TlsServer | null;
  private readonly http1: Http1Server;
  private readonly http2: Http2Server;
  private readonly head = new RequestHead();
  readonly watch: ClientWatch;
  private readonly openings: Openings;
  /** All open connections, whatever is spoken on them. */
  private readonly sockets = new Set<Socket>();
  private readonly connections = new Map<Socket, Http1Connection>();
  private readonly sessions = new Map<ServerHttp2Session, Http2Session>();

  constructor(worker: WorkerContext, index: number, entryPoint: EntryPoint) {
    this.worker = worker;
    this.index = index;
    this.entryPoint = entryPoint;
    const { headerTimeoutMs, uploadTimeoutMs, downloadTimeoutMs } = worker.options;
    this.openings = new Openings(worker.wheel, headerTimeoutMs);
    this.watch = new ClientWatch(worker.wheel, [uploadTimeoutMs, downloadTimeoutMs, limits.HALF_CLOSED_MS]);
    this.proxied = entryPoint.proxyProtocol === null ? null : new ProxiedPeers(entryPoint.proxyProtocol);
    this.http1 = this.makeHttp1();
    this.http2 = this.makeHttp2();
    const tls = worker.tls[index];
    this.tls = tls === null ? null : this.makeTls(tls);
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    // A client of cleartext that has said all that it has to say still gets its answers.
    this.front = createServer({ ...options, allowHalfOpen: this.tls === null }, (socket) => {
      this.guard(socket, () => this.accepted(socket));
    });
  }

  listen(): Promise<void> {
    const { name, host, port } = this.entryPoint;
    return new Promise((resolve, reject) => {
      this.front.once('error', (error) => {
        reject(
          new TsujiError('LISTEN_FAILED', `entrypoint ${name}: cannot listen on ${host}:${port}: ${reasonOf(error)}`),
        );
      });
      const at = { port, backlog: BACKLOG, reusePort: true };
      this.front.listen(host === '' ? at : { ...at, host }, () => resolve());
    });
  }

  drain(): void {
    this.front.close();
    for (const connection of this.connections.values()) connection.drain();
    for (const session of this.sessions.values()) session.drain();
  }

  get isBusy(): boolean {
    for (const connection of this.connections.values()) if (connection.isBusy) return true;
    for (const session of this.sessions.values()) if (session.isBusy) return true;
    return false;
  }

  close(): void {
    this.front.close();
    this.http1.close();
    for (const session of this.sessions.values()) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }

  private accepted(socket: Socket): void {
    const { descriptors } = this.worker;
    this.sockets.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      descriptors.clientClosed();
    });
    if (!descriptors.clientAccepted()) {
      socket.destroy();
      return;
    }
    this.openings.begin(socket);
    const look = (): void => {
      lookAtFirstBytes(socket, (first) => this.guard(socket, () => this.recognized(socket, first)));
    };
    if (this.proxied === null) look();
    else this.proxied.take(socket, look);
  }

  private recognized(socket: Socket, first: FirstBytes): void {
    if (first !== 'tls') this.openings.end(socket);
    if (this.tls === null) {
      // HTTP/2 knows no half-closed connections, and node's would never hear of the end of one.
      if (first === 'http2') socket.allowHalfOpen = false;
      // What is no HTTP is for node's parser to refuse.
      (first === 'http2' ? this.http2 : this.http1).emit('connection', socket);
    } else if (first === 'tls') {
      this.tls.emit('connection', socket);
    } else {
      this.sendLast(socket, PLAIN_HTTP);
    }
  }

  private makeTls(tls: TlsEntryPoint): TlsServer {
    const options = { ...tls.serverOptions(), ALPNProtocols: ALPN, handshakeTimeout: NEVER_MS };
    const server = createTls(options);
    tls.attach(server, (socket) => {
      this.openings.end(socket);
      this.guard(socket, () => (socket.alpnProtocol === 'h2' ? this.http2 : this.http1).emit('connection', socket));
    });
    // What a client makes of its handshake is its own business; the socket is closed already.
    server.on('tlsClientError', () => {});
    return server;
  }

  private makeHttp1(): Http1Server {
    const { headerTimeoutMs, clientIdleMs } = this.worker.options;
    const server = http1Server(headerTimeoutMs, clientIdleMs, (request) => this.takesUpgrade(request));
    // After node's own listener, which prepares the socket.
    server.on('connection', (socket: Socket) => this.guard(socket, () => this.connected(socket)));
    const requested = (request: IncomingMessage, response: ServerResponse): void => {
      const { socket } = request;
      this.guard(socket, () => this.connections.get(socket)?.requested(request, response));
    };
    server.on('request', requested);
    // An Expect that nobody knows is no reason to refuse a request (RFC 9110 §10.1.1 leaves it open).
    server.on('checkExpectation', requested);
    server.on('upgrade', (request: IncomingMessage, socket: Socket, early: Buffer) => {
      this.guard(socket, () => this.upgraded(request, socket, early));
    });
    server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      this.connections.get(socket)?.handOver();
      this.sendLast(socket, NO_CONNECT);
    });
    server.on('clientError', (error, socket: Socket) => {
      const connection = this.connections.get(socket);
      if (connection === undefined) socket.destroy();
      else this.guard(socket, () => connection.failed(error));
    });
    return server;
  }

  private makeHttp2(): Http2Server {
    const server = http2Server(this.worker.options.maxFields);
    server.on('session', (session) => {
      this.guard(session.socket as Socket, () => {
        this.sessions.set(session, new Http2Session(this, session, session.socket as Socket, this.tls !== null));
        session.on('close', () => this.sessions.delete(session));
      });
    });
    server.on('sessionError', () => {});
    return server;
  }

  /** Ends a connection with these bytes. */
  private sendLast(socket: Socket, bytes: Buffer): void {
    socket.on('error', () => {});
    socket.end(bytes);
    lingerOn(socket, this.worker.wheel);
  }

  /** What a step throws would end the whole worker; so it ends its connection, and with it what runs there. */
  private guard(socket: Pick<Socket, 'destroy'>, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failed(socket, error);
    }
  }

  failed(socket: Pick<Socket, 'destroy'>, error: unknown): void {
    log.error('a connection failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    socket.destroy();
  }

  private connected(socket: Socket): void {
    const connection = new Http1Connection(this, socket, this.tls !== null);
    this.connections.set(socket, connection);
    socket.once('close', () => this.connections.delete(socket));
  }

  private takesUpgrade(request: IncomingMessage): boolean {
    const asked = listMembers(request.headers.upgrade ?? '');
    if (asked.length === 0 || asked.includes('h2c')) return false;
    let takes = false;
    this.guard(request.socket, () => {
      takes = this.connections.get(request.socket)?.mayUpgrade(request) ?? false;
    });
    return takes;
  }

  /** One request of HTTP/1; `running` keeps it before it begins. Null: it failed and nobody answers. */
  serveHttp1(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    running: Http1Downstream[],
  ): Http1Downstream | null {
    const exchange = new HttpExchange(this.worker);
    const downstream = new Http1Downstream(connection, request, response, exchange);
    exchange.downstream = downstream;
    running.push(downstream);
    try {
      this.fill(request);
      if (this.head.bodyFollows) downstream.expectBody();
      exchange.begin(this.index, this.head);
      return downstream;
    } catch (error) {
      exchange.crash(error);
      return null;
    }
  }

  private upgraded(request: IncomingMessage, socket: Socket, early: Buffer): void {
    const rest = this.connections.get(socket)?.handOver() ?? null;
    this.connections.delete(socket);
    const exchange = new HttpExchange(this.worker);
    const behind = rest === null ? early : Buffer.concat([early, rest]);
    const downstream = new TunnelDownstream(this, socket, this.tls !== null, behind, exchange);
    exchange.downstream = downstream;
    try {
      this.fill(request);
      this.head.tunnel = true;
      exchange.begin(this.index, this.head);
      downstream.began(this.head);
    } catch (error) {
      exchange.crash(error);
      downstream.abort();
    }
  }

  private fill(request: IncomingMessage): void {
    // Node's parser also takes heads of HTTP/0.9 and 2.0 in this form, which nobody has ever meant.
    const known = request.httpVersionMajor === 1;
    const old = known && request.httpVersionMinor === 0;
    fillHttp1(this.head, request.method!, request.url!, request.rawHeaders, old, this.worker.options.maxFields);
    if (!known) this.head.problem = 'a version that is not HTTP/1';
  }

  /** One stream of HTTP/2. Null: it failed, or was answered without an exchange. */
  serveHttp2(
    session: Http2Session,
    stream: ServerHttp2Stream,
    endOfStream: boolean,
    raw: readonly string[],
  ): Http2Downstream | null {
    const exchange = new HttpExchange(this.worker);
    const downstream = new Http2Downstream(session, stream, exchange);
    exchange.downstream = downstream;
    try {
      fillHttp2(this.head, raw, endOfStream, this.worker.options.maxFields);
      if (this.head.bodyFollows) downstream.expectBody(this.head.expectsContinue, isGrpc(this.head));
      else stream.resume();
      exchange.begin(this.index, this.head);
      return downstream;
    } catch (error) {
      exchange.crash(error);
      downstream.abort();
      return null;
    }
  }
}
