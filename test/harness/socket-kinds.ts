/** A connection of each kind that the engine has, with its client at the other end. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTls, type TLSSocket } from 'node:tls';
import type { BaseSocket } from '../../src/data/socket/base-socket.ts';
import { acceptHandles, tlsHandle } from '../../src/data/socket/handles.ts';
import { StreamSocket } from '../../src/data/socket/stream-socket.ts';
import { TcpSocket } from '../../src/data/socket/tcp-socket.ts';
import { TlsSocket } from '../../src/data/socket/tls-socket.ts';
import { RawConnection } from './raw.ts';
import { makeAuthority } from './tls.ts';
import { temporaryFolder } from './tools.ts';

type Scope = { after(fn: () => unknown): unknown };

export type SocketKind = 'tcp' | 'tls' | 'stream' | 'stream over tls';
export const SOCKET_KINDS: readonly SocketKind[] = ['tcp', 'tls', 'stream', 'stream over tls'];

export const isSecureKind = (kind: SocketKind): boolean => kind === 'tls' || kind === 'stream over tls';

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
    const server = isSecureKind(kind) ? await tlsServer(t) : createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new SocketServer(kind, (server.address() as AddressInfo).port, accepted);
    t.after(() => {
      server.close();
      for (const socket of accepted) socket.close();
    });
    if (kind === 'tcp')
      acceptHandles(
        server,
        60_000,
        (raw) => made.take(new TcpSocket(raw)),
        () => {},
      );
    else if (kind === 'stream') server.on('connection', (socket: Socket) => made.take(new StreamSocket(socket)));
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

async function tlsServer(t: Scope): Promise<Server> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const { cert, key } = await makeAuthority(folder.path, 'localhost');
  const options = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['http/1.1'] };
  return createTls({ ...options, allowHalfOpen: true });
}
