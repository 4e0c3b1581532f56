/**
 * A connection of which it is not known yet what is spoken on it: PROXY header, choice of protocol and TLS handshake.
 * They have one time together, and no byte begins it anew.
 *
 *     accepted ─▶ PROXY header ─▶ first bytes ─┬─ in the clear ──────▶ serve
 *                                              ├─ TLS ─▶ handshake ──▶ serve
 *                                              └─ neither: told so, ended
 */

import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TrustOptions } from '../../../kernel/entrypoint-options.ts';
import { FAULTS, type Fault } from '../../../kernel/errors.ts';
import { IpRanges } from '../../../kernel/ip-ranges.ts';
import { log } from '../../../kernel/log.ts';
import { TimerEntry } from '../../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../../context.ts';
import type { BaseSocket } from '../../socket/base-socket.ts';
import type { ByteSocket, SocketUser } from '../../socket/byte-socket.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { TcpSocket } from '../../socket/tcp-socket.ts';
import type { SecuredUser, TlsServerSocket } from '../../socket/tls-server-socket.ts';
import type { Rejection } from '../connection-limits.ts';
import { INCOMPLETE, MALFORMED, readProxyHeader } from '../proxy-header.ts';
import { recognize } from './first-bytes.ts';
import { type HandshakeCounts, TIMED_OUT } from './handshake-counts.ts';

/** A connection in the clear, which may come to carry TLS. */
type AcceptedSocket = TcpSocket | StreamSocket;

/** Which balancers are believed whose connection they pass on. */
export class ProxyTrust {
  /** null: all of them. */
  private readonly trusted: IpRanges | null;

  constructor({ insecure, trustedIPs }: TrustOptions) {
    this.trusted = insecure ? null : new IpRanges(trustedIPs);
  }

  believes(peer: string): boolean {
    return this.trusted === null || this.trusted.contains(peer);
  }
}

export interface OpeningOwner {
  readonly worker: WorkerContext;
  /** null: no connection begins with a PROXY header. */
  readonly proxyTrust: ProxyTrust | null;
  readonly speaksTls: boolean;
  /** It is known whose connection it is. False: it was closed, since its client may have no more. */
  admits(socket: BaseSocket): boolean;
  /** The handshake begins, with `early`, which has come; `opening.done` is owed when it is through. */
  beginTls(opening: Opening, early: Buffer): void;
  /** HTTP is spoken on it. `preface`: HTTP/2 with prior knowledge. */
  serve(socket: ByteSocket, preface: boolean): void;
  /** No protocol that could be served: its client is told so, in HTTP/1.1. */
  refuse(socket: ByteSocket, problem: string, fault: Fault): void;
  openingOver(opening: Opening): void;
  /** It is closed without having been served. */
  rejected(reason: Rejection): void;
  readonly handshakes: HandshakeCounts;
}

export class Opening extends TimerEntry implements SocketUser, SecuredUser {
  readonly socket: AcceptedSocket;
  /** What carries TLS, where a server of node's makes the handshake. */
  carrier: Socket | null = null;
  private handshake: TlsServerSocket | null = null;
  /** Milliseconds of performance.now(). */
  private handshakeAt = 0;
  private timedOut = false;
  private isDone = false;
  private readonly owner: OpeningOwner;
  private awaitsProxy: boolean;

  constructor(owner: OpeningOwner, socket: AcceptedSocket) {
    super();
    this.owner = owner;
    this.socket = socket;
    this.awaitsProxy = owner.proxyTrust !== null;
    const { wheel, options } = owner.worker;
    if (options.headerTimeoutMs > 0) wheel.arm(this, options.headerTimeoutMs);
    socket.begin(this);
  }

  socketRead(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.awaitsProxy) {
      const length = this.takeProxyHeader(bytes.subarray(start, end));
      if (length < 0 || this.socket.closed) return start;
      at += length;
    }
    const first = recognize(bytes, at, end);
    if (first === null) return at;
    const { owner, socket } = this;
    if (!owner.speaksTls) {
      this.done();
      owner.serve(socket, first === 'http2');
      return at;
    }
    if (first === 'tls') {
      this.handshakeAt = performance.now();
      owner.beginTls(this, Buffer.from(bytes.subarray(at, end)));
    } else {
      this.done();
      owner.refuse(socket, 'plain HTTP on a port for TLS', FAULTS.plainHttp);
    }
    return end;
  }

  /** From now on it is this socket whose handshake is awaited. */
  goesOnWith(socket: TlsServerSocket): void {
    this.handshake = socket;
    socket.begin(this);
  }

  secured(socket: TlsServerSocket): void {
    this.owner.handshakes.done(socket.tls, this.handshakeMs);
    this.done();
    this.owner.serve(socket, false);
  }

  /** How long it is; -1 while more of it is to come. */
  private takeProxyHeader(bytes: Buffer): number {
    const header = readProxyHeader(bytes);
    if (header === INCOMPLETE) return -1;
    const { owner, socket } = this;
    if (header === MALFORMED) {
      owner.rejected('proxy_header');
      log.debug('connection refused', { reason: 'its PROXY header is malformed', peer: socket.peerAddress() });
      socket.close();
      return -1;
    }
    this.awaitsProxy = false;
    if (header.address !== '' && owner.proxyTrust!.believes(socket.peerAddress())) socket.isOf(header.address);
    return owner.admits(socket) ? header.length : -1;
  }

  socketEnded(): void {
    // Whoever ends before it has said anything wants nothing.
    this.close();
  }

  socketDrained(): void {}

  socketClosed(): void {
    if (this.handshake !== null && !this.isDone) {
      this.owner.handshakes.failed(this.timedOut ? TIMED_OUT : this.handshake.failure);
    }
    this.done();
  }

  /** Since its handshake began. */
  get handshakeMs(): number {
    return performance.now() - this.handshakeAt;
  }

  socketCrashed(): void {}

  override expired(): void {
    this.timedOut = true;
    this.close();
  }

  close(): void {
    if (this.carrier !== null) this.carrier.destroy();
    else (this.handshake ?? this.socket).close();
  }

  /** It is known what is spoken on it, or it is closed. */
  done(): void {
    this.isDone = true;
    this.owner.worker.wheel.cancel(this);
    this.owner.openingOver(this);
  }
}
