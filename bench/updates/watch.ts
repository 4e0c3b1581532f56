/** Finds out when a change is in force in every worker: connections enough that each has some. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { numbered } from '../routes/kinds.ts';
import { HOST } from './subjects.ts';

const REST_MS = 1;
/** A change that is not seen for so long is lost. */
const LATE_MS = 10_000;
/** Connections that ask for a change until they see it. */
const FIRST = 2;

type Change = { readonly host: string; readonly server: number; readonly at: number };

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

/**
 * From when on whoever asks is served so: the moment at which the last of the connections began to ask for what it was answered.
 * Two of them ask all the time, and the others once one of those has seen the change: whoever asks takes time of the cores on
 * which the change is made, and with all eight at it that was as much as it took.
 */
export class Watch {
  /** Milliseconds of each change that all have seen. */
  readonly times: number[] = [];
  readonly #pending = new Set<Change>();
  readonly #first: readonly Asker[];
  readonly #others: readonly Asker[];
  /** Changes that not all have seen in time. */
  #lost = 0;
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(port: number, connections: number) {
    this.#first = Array.from({ length: FIRST }, () => new Asker(port));
    this.#others = Array.from({ length: connections - FIRST }, () => new Asker(port));
    this.#running = this.#follow();
  }

  /** A change begins. */
  add(frontend: number, server: number): void {
    this.#pending.add({ host: numbered(HOST, frontend), server, at: performance.now() });
  }

  /** Changes that not all have seen. */
  get pending(): number {
    return this.#pending.size + this.#lost;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    for (const asker of [...this.#first, ...this.#others]) asker.close();
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      for (const change of [...this.#pending]) {
        const first = this.#first.map((asker) => this.#untilSeen(asker, change));
        await Promise.race(first);
        const others = this.#others.map((asker) => this.#untilSeen(asker, change));
        const asked = await Promise.all([...first, ...others]);
        if (this.#stopped) return;
        this.#pending.delete(change);
        if (asked.includes(Number.NaN)) this.#lost++;
        else this.times.push(Math.max(...asked) - change.at);
      }
      await sleep(REST_MS);
    }
  }

  /** When it asked for the answer in which it saw it; NaN when it was not in time. */
  async #untilSeen(asker: Asker, change: Change): Promise<number> {
    for (;;) {
      const asked = await seenBy(asker, change);
      if (!Number.isNaN(asked) || this.#stopped || performance.now() - change.at > LATE_MS) return asked;
      await sleep(REST_MS);
    }
  }
}

/** performance.now() at which it was asked; NaN when that change is not in the answer. */
async function seenBy(asker: Asker, { host, server }: Change): Promise<number> {
  const asked = performance.now();
  return isFrom(await asker.ask(host), server) ? asked : Number.NaN;
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
