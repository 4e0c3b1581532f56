/** A connection of each kind that the engine has, with its client at the other end. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTls, type TLSSocket } from 'node:tls';
import type { BaseSocket } from '../../src/data/socket/base-socket.ts';
import { acceptHandles, type RawHandle, tlsHandle } from '../../src/data/socket/handles.ts';
import { StreamSocket } from '../../src/data/socket/stream-socket.ts';
import { TcpSocket } from '../../src/data/socket/tcp-socket.ts';
import { alpnList } from '../../src/data/socket/tls-handshake.ts';
import { TlsServerSocket } from '../../src/data/socket/tls-server-socket.ts';
import { TlsSocket } from '../../src/data/socket/tls-socket.ts';
import { RawConnection } from './raw.ts';
import { type Certificate, makeAuthority } from './tls.ts';
import { tlsEntryPoint, workerCertificate } from './tls-serving.ts';
import { temporaryFolder } from './tools.ts';

type Scope = { after(fn: () => unknown): unknown };

const ALPN = alpnList(['http/1.1']);

export type SocketKind = 'tcp' | 'tls' | 'tls, our handshake' | 'stream' | 'stream over tls';
export const SOCKET_KINDS: readonly SocketKind[] = ['tcp', 'tls', 'tls, our handshake', 'stream', 'stream over tls'];

export const isSecureKind = (kind: SocketKind): boolean => kind !== 'tcp' && kind !== 'stream';

export class SocketServer {
  readonly port: number;
  private readonly kind: SocketKind;
  /** Accepted and not asked for yet. */
  private readonly accepted: BaseSocket[];
  private waiting: ((socket: BaseSocket) => void)[] = [];

  private constructor(kind: SocketKind, port: number, accepted: BaseSocket[]) {
    this.kind = kind;
    this.port = port;
    this.accepted = accepted;
  }

  static async start(t: Scope, kind: SocketKind): Promise<SocketServer> {
    const accepted: BaseSocket[] = [];
    const pair = await makePair(t);
    const server = ofNode(kind, pair);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new SocketServer(kind, (server.address() as AddressInfo).port, accepted);
    t.after(() => {
      server.close();
      for (const socket of accepted) socket.close();
    });
    if (kind === 'tcp') takeHandles(server, (raw) => made.take(new TcpSocket(raw)));
    else if (kind === 'tls, our handshake') {
      const entryPoint = tlsEntryPoint([workerCertificate(pair, { defaultOf: 1 })]);
      takeHandles(server, (raw) => {
        const socket = new TlsServerSocket(raw, entryPoint, ALPN, { secured: () => made.take(socket) });
        socket.beginHandshake(new Uint8Array(0));
      });
    } else if (kind === 'stream') server.on('connection', (socket: Socket) => made.take(new StreamSocket(socket)));
    else {
      server.on('secureConnection', (socket: TLSSocket) => {
        made.take(kind === 'tls' ? new TlsSocket(socket, tlsHandle(socket)!) : new StreamSocket(socket));
      });
    }
    return made;
  }

  private take(socket: BaseSocket): void {
    this.accepted.push(socket);
    this.waiting.shift()?.(socket);
  }

  /** A client, and its connection at our end. */
  async connect(t: Scope, allowHalfOpen = true): Promise<{ client: RawConnection; socket: BaseSocket }> {
    const next = new Promise<BaseSocket>((resolve) => {
      this.waiting.push(resolve);
    });
    const at = { port: this.port, host: '127.0.0.1', allowHalfOpen, noDelay: true };
    const secure = { ...at, rejectUnauthorized: false, servername: 'localhost', ALPNProtocols: ['http/1.1'] };
    const stream = isSecureKind(this.kind) ? connectTls(secure) : connect(at);
    const client = new RawConnection(stream);
    t.after(() => client.destroy());
    return { client, socket: await next };
  }
}

async function makePair(t: Scope): Promise<Certificate> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  return await makeAuthority(folder.path, 'localhost');
}

function ofNode(kind: SocketKind, { cert, key }: Certificate): Server {
  if (kind !== 'tls' && kind !== 'stream over tls') return createServer({ allowHalfOpen: true });
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  return createTls({ ...pair, ALPNProtocols: ['http/1.1'], allowHalfOpen: true });
}

function takeHandles(server: Server, take: (raw: RawHandle) => void): void {
  if (!acceptHandles(server, 60_000, take, () => {})) throw new Error('handles cannot be had');
}
