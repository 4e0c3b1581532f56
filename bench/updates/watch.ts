/** Finds out when a change is in force in every worker: connections enough that each has some, which ask until they see it. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { numbered } from '../routes/kinds.ts';
import { HOST } from './subjects.ts';

const REST_MS = 1;

type Change = { readonly host: string; readonly server: number; readonly at: number; missing: number };

/** One connection, one request after the other; a new one when a proxy ends it. */
class Asker {
  readonly #port: number;
  #socket: Socket | null = null;
  #got = '';
  #answered: (head: string) => void = () => {};

  constructor(port: number) {
    this.#port = port;
  }

  /** The head of an answer without much of a body, '' when there was none. */
  ask(host: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#answered = resolve;
    this.#got = '';
    this.#socket ??= this.#open();
    this.#socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return promise;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#answered('');
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.close();
    });
    return socket;
  }

  #take(text: string): void {
    this.#got += text;
    const end = this.#got.indexOf('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(this.#got)?.[1] ?? '0';
    if (end < 0 || this.#got.length < end + 4 + Number(length)) return;
    this.#answered(this.#got.slice(0, end));
    if (/\r\nconnection: close/i.test(this.#got)) this.close();
  }
}

/** Answered with 200 by that server (origin.ts); any for -1. */
export function isFrom(head: string, server: number): boolean {
  return / 200 /.test(head) && (server < 0 || head.toLowerCase().includes(`x-server: server${server + 1}`));
}

export class Watch {
  /** Milliseconds of each change that all have seen. */
  readonly times: number[] = [];
  readonly #pending = new Set<Change>();
  readonly #askers: readonly Asker[];
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(port: number, connections: number) {
    this.#askers = Array.from({ length: connections }, () => new Asker(port));
    this.#running = Promise.all(this.#askers.map((asker) => this.#follow(asker)));
  }

  /** A change begins. */
  add(frontend: number, server: number): void {
    const missing = this.#askers.length;
    this.#pending.add({ host: numbered(HOST, frontend), server, at: performance.now(), missing });
  }

  /** Changes that not all have seen. */
  get pending(): number {
    return this.#pending.size;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    for (const asker of this.#askers) asker.close();
  }

  async #follow(asker: Asker): Promise<void> {
    const seen = new WeakSet<Change>();
    while (!this.#stopped) {
      for (const change of [...this.#pending]) {
        if (seen.has(change) || this.#stopped || !isFrom(await asker.ask(change.host), change.server)) continue;
        seen.add(change);
        if (--change.missing > 0) continue;
        this.#pending.delete(change);
        this.times.push(performance.now() - change.at);
      }
      await sleep(REST_MS);
    }
  }
}

/** Milliseconds until all these hosts are served; NaN when that is not in time. */
export async function untilServed(port: number, frontends: readonly number[], limitMs: number): Promise<number> {
  const asker = new Asker(port);
  const from = performance.now();
  try {
    for (const frontend of frontends) {
      while (!isFrom(await asker.ask(numbered(HOST, frontend)), -1)) {
        if (performance.now() - from > limitMs) return Number.NaN;
        await sleep(2);
      }
    }
    return performance.now() - from;
  } finally {
    asker.close();
  }
}
