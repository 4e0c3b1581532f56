/** Raw sockets on both sides of the proxy: what is written and read here is bytes, nothing else. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { OWN_HOST } from './own-host.ts';
import { waitFor } from './wait.ts';

/** One connection, with everything that has come over it, one latin-1 character per byte. */
export class RawConnection {
  readonly socket: Socket;
  received = '';
  /** Counts what came; grows even when `received` is not kept. */
  bytes = 0;
  ended = false;
  closed = false;
  error = '';
  /** Off for large bodies. */
  keep = true;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.keep) this.received += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Until what was received holds `text`; takes it and everything before it off, and returns that. */
  async until(text: string): Promise<string> {
    await waitFor(
      () => this.received.includes(text) || this.closed,
      () => `${JSON.stringify(text)} in ${JSON.stringify(this.received.slice(0, 2000))}`,
    );
    const at = this.received.indexOf(text);
    if (at < 0)
      throw new Error(`closed (${this.error}) before ${JSON.stringify(text)}: ${JSON.stringify(this.received)}`);
    const taken = this.received.slice(0, at + text.length);
    this.received = this.received.slice(at + text.length);
    return taken;
  }

  async untilClosed(): Promise<string> {
    await waitFor(
      () => this.closed,
      () => `the connection to close; so far ${JSON.stringify(this.received.slice(0, 500))}`,
    );
    return this.received;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A server that takes connections and does nothing by itself. */
export class RawServer {
  readonly server: Server;
  readonly connections: RawConnection[] = [];
  private taken = 0;

  constructor(onConnection?: (connection: RawConnection) => void) {
    this.server = createServer((socket) => {
      const connection = new RawConnection(socket);
      this.connections.push(connection);
      onConnection?.(connection);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://${(this.server.address() as AddressInfo).address}:${this.port}`;
  }

  /** The next connection that nobody has asked for yet. */
  async next(): Promise<RawConnection> {
    await waitFor(() => this.connections.length > this.taken, 'a connection to the server');
    return this.connections[this.taken++];
  }

  get open(): number {
    return this.connections.filter((connection) => !connection.closed).length;
  }

  close(): void {
    this.server.close();
    for (const connection of this.connections) connection.destroy();
  }
}

export async function startRawServer(
  t: { after(fn: () => unknown): unknown },
  onConnection?: (connection: RawConnection) => void,
  port = 0,
  host = OWN_HOST,
): Promise<RawServer> {
  const raw = new RawServer(onConnection);
  await new Promise<void>((resolve, reject) => {
    raw.server.once('error', reject);
    raw.server.listen(port, host, resolve);
  });
  t.after(() => raw.close());
  return raw;
}

export async function rawClient(
  t: { after(fn: () => unknown): unknown },
  port: number,
  host = OWN_HOST,
): Promise<RawConnection> {
  const socket = connect({ port, host, noDelay: true });
  const connection = new RawConnection(socket);
  t.after(() => connection.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  return connection;
}

/** A server that answers each request with `answer(head)`, one after the other, on kept connections. */
export function answering(answer: (head: string, connection: RawConnection) => string) {
  return (connection: RawConnection): void => {
    connection.socket.on('data', () => {
      for (let end = connection.received.indexOf('\r\n\r\n'); end >= 0; end = connection.received.indexOf('\r\n\r\n')) {
        const head = connection.received.slice(0, end + 4);
        connection.received = connection.received.slice(end + 4);
        connection.send(answer(head, connection));
      }
    });
  };
}

/** A response with a length. */
export function ok(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\n${fields}\r\n${body}`;
}
