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
  /** New connections pass again; those that were open while it was shut stay mute. */
  open(): void;
  close(): Promise<void>;
};

export async function startTcpValve(target: string): Promise<TcpValve> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const muted = new WeakSet<Socket>();
  let passing = true;
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
    open() {
      passing = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
