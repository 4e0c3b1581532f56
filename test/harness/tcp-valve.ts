/** A TCP proxy that can stop passing bytes without closing anything, as a network does that swallows packets. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { OWN_HOST } from './own-host.ts';

export type TcpValve = {
  /** `host:port` */
  readonly endpoint: string;
  /** Connections open now. */
  connections(): number;
  /** From now on nothing passes: bytes of open connections vanish, new connections are accepted and ignored. */
  shut(): void;
  /** HTTP/2 passes no more, so that of an etcd only v2 answers; of new connections only. */
  shutHttp2(): void;
  /** New connections pass again; those that were open while it was shut stay mute. */
  open(): void;
  close(): Promise<void>;
};

export async function startTcpValve(target: string): Promise<TcpValve> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const muted = new WeakSet<Socket>();
  let passing = true;
  let passingHttp2 = true;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((downstream) => {
    keep(downstream);
    if (!passing) {
      muted.add(downstream);
      downstream.resume();
      return;
    }
    const upstream = connect(Number(port), host);
    keep(upstream);
    downstream.once('data', (chunk) => {
      if (!passingHttp2 && chunk.toString('latin1').startsWith('PRI ')) muted.add(downstream);
    });
    for (const [from, to] of [
      [downstream, upstream],
      [upstream, downstream],
    ]) {
      from.on('data', (chunk) => muted.has(from) || to.write(chunk));
      from.on('close', () => muted.has(from) || to.destroy());
    }
  }).listen(0, OWN_HOST);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return {
    endpoint: `${OWN_HOST}:${address.port}`,
    connections: () => sockets.size,
    shut() {
      passing = false;
      for (const socket of sockets) muted.add(socket);
    },
    shutHttp2() {
      passingHttp2 = false;
    },
    open() {
      passing = true;
      passingHttp2 = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
