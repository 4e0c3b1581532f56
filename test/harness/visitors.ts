/** Clients that come one after the other without a pause, and count what became of each request. */
import { connect, type Socket } from 'node:net';
import { OWN_HOST } from './own-host.ts';
import { waitFor } from './wait.ts';

/** `each`: a connection per request. `kept`: as long as neither side says `close`. */
export type Manner = 'each' | 'kept';

export class Visitors {
  /** Requests that were answered whole with 200. */
  good = 0;
  /** Connections that nobody accepted: nobody listens. */
  refused = 0;
  /** How every other request failed. */
  readonly failures: string[] = [];
  private readonly request: Buffer;
  private readonly port: number;
  private readonly manner: Manner;
  private open = 0;
  private stopping = false;

  constructor(port: number, host: string, manner: Manner) {
    this.port = port;
    this.manner = manner;
    const more = manner === 'each' ? 'Connection: close\r\n' : '';
    this.request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  }

  start(count: number): this {
    for (let i = 0; i < count; i++) this.come();
    return this;
  }

  /** Nobody comes any more; resolves when the last has left. */
  async stop(): Promise<void> {
    this.stopping = true;
    await waitFor(() => this.open === 0, 'the last visitor to leave');
  }

  /** Until so many more have been answered. */
  async more(count: number): Promise<void> {
    const wanted = this.good + count;
    await waitFor(() => this.good >= wanted, `${count} more answers`);
  }

  private come(): void {
    if (this.stopping) return;
    this.open++;
    const socket = connect({ port: this.port, host: OWN_HOST, noDelay: true });
    let connected = false;
    let waits = false;
    let received = '';
    let reason = 'closed';
    socket.on('connect', () => {
      connected = true;
      waits = this.ask(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(received)?.[1];
      if (end < 0 || received.length < end + 4 + Number(length ?? 0)) return;
      waits = false;
      if (received.startsWith('HTTP/1.1 200 ')) this.good++;
      else this.failures.push(received.slice(0, received.indexOf('\r\n')));
      const isLast = this.manner === 'each' || this.stopping || /\r\nconnection: *close\r\n/i.test(received);
      received = '';
      if (isLast) socket.destroy();
      else waits = this.ask(socket);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.open--;
      if (!connected && reason === 'ECONNREFUSED') this.refused++;
      else if (waits || !connected) this.failures.push(reason);
      // Behind a refusal not at once: there may be nobody for long.
      if (connected) this.come();
      else setTimeout(() => this.come(), 5);
    });
  }

  private ask(socket: Socket): true {
    socket.write(this.request);
    return true;
  }
}
