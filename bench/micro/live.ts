/**
 * How long a changed key takes until requests are routed by it, with so many frontends in an etcd (v3), each with a
 * backend of its own.
 *
 *     node_modules/.bin/node bench/micro/live.ts [number of frontends …] [other tree of tsuji …]
 *
 * With other trees they take turns, so that they can be compared on a busy machine. The time runs from before the write to the first answer of the new route, so the write itself is
 * in it, and a request.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { etcdCommand, putAll } from '../etcd.ts';
import { startOrigin } from '../origin.ts';
import { freePort, Processes, untilListening } from '../processes.ts';

const READY_MS = 120_000;
const CHANGE_MS = 30_000;

type LiveTimes = {
  readonly frontends: number;
  /** Milliseconds from start to the first answer, all keys read and compiled. */
  readonly load: number;
  /** Milliseconds of each change. */
  readonly rule: readonly number[];
  readonly server: readonly number[];
};

/** One connection, one request after the other. */
class Asker {
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
  }

  /** The head of the answer; its body must be small. */
  async ask(host: string): Promise<string> {
    this.#socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    let got = '';
    for (;;) {
      const [chunk] = (await once(this.#socket, 'data')) as [Buffer];
      got += chunk.toString('latin1');
      const end = got.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(got)?.[1];
      if (end >= 0 && got.length >= end + 4 + Number(length ?? 0)) return got.slice(0, end);
    }
  }

  /** Milliseconds since `from` at which the answer for `host` first was as wanted. */
  async until(host: string, wanted: (head: string) => boolean, from: number, limitMs: number): Promise<number> {
    for (;;) {
      const head = await this.ask(host);
      const elapsed = performance.now() - from;
      if (wanted(head)) return elapsed;
      if (elapsed > limitMs) throw new Error(`a change was not live after ${limitMs} ms; the last answer:\n${head}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/**
 * @param root the tree of tsuji
 * @param servers ports of the origin, which names itself in X-Server
 */
async function measureLive(
  processes: Processes,
  root: string,
  servers: readonly number[],
  frontends: number,
  changes: number,
): Promise<LiveTimes> {
  const folder = processes.folder('live');
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const etcd = processes.start('etcd', null, etcdCommand(folder, etcdPort, peerPort));
  const client = new Etcd3({ hosts: `http://127.0.0.1:${etcdPort}` });
  try {
    await untilListening(etcd, etcdPort);
    const keys: [string, string][] = [];
    for (let i = 0; i < frontends; i++) {
      keys.push([`/traefik/backends/b${i}/servers/s/url`, `http://127.0.0.1:${servers[0]}`]);
      keys.push([`/traefik/frontends/f${i}/backend`, `b${i}`]);
      keys.push([`/traefik/frontends/f${i}/routes/r/rule`, `Host:service-${i}.example.com`]);
    }
    await putAll(client, keys);
    const start = performance.now();
    const flags = [
      `--etcd.endpoint=127.0.0.1:${etcdPort}`,
      '--etcd.useAPIV3',
      `--entryPoints=Name:http Address:127.0.0.1:${port}`,
      '--workers=1',
    ];
    const args = [join(root, 'src/main.ts'), ...flags];
    const tsuji = processes.start('tsuji', null, { file: process.execPath, args });
    try {
      await untilListening(tsuji, port);
      const asker = new Asker(port);
      const last = `service-${frontends - 1}.example.com`;
      const isServed = (head: string): boolean => / 200 /.test(head);
      const load = await asker.until(last, isServed, start, READY_MS);
      const middle = Math.floor(frontends / 2);
      const rule: number[] = [];
      const server: number[] = [];
      // Two more than counted: the first changes of a process run code that is not compiled yet.
      for (let i = -2; i < changes; i++) {
        const host = `live-${i}.example.com`;
        let from = performance.now();
        await client.put(`/traefik/frontends/f${middle}/routes/r/rule`).value(`Host:${host}`);
        const ruleMs = await asker.until(host, isServed, from, CHANGE_MS);
        const at = 1 + (((i % 2) + 2) % 2);
        from = performance.now();
        await client.put(`/traefik/backends/b${middle}/servers/s/url`).value(`http://127.0.0.1:${servers[at]}`);
        const moved = (head: string): boolean => head.toLowerCase().includes(`x-server: server${at + 1}`);
        const serverMs = await asker.until(host, moved, from, CHANGE_MS);
        if (i < 0) continue;
        rule.push(ruleMs);
        server.push(serverMs);
      }
      asker.close();
      return { frontends, load, rule, server };
    } finally {
      await processes.stop(tsuji);
    }
  } finally {
    client.close();
    await processes.stop(etcd);
  }
}

/** Median (least–greatest), in milliseconds. */
function inWords(times: readonly number[]): string {
  const ascending = [...times].sort((a, b) => a - b);
  return `${ascending[ascending.length >> 1]!.toFixed(1)} (${ascending[0]!.toFixed(1)}–${ascending.at(-1)!.toFixed(1)})`;
}

const CHANGES = 7;
const args = process.argv.slice(2);
const counts = args.filter((arg) => /^[1-9]\d*$/.test(arg)).map(Number);
const roots = [join(import.meta.dirname, '../..'), ...args.filter((arg) => !/^\d+$/.test(arg))];
const processes = new Processes();
try {
  const [route] = (await startOrigin(processes, null)).routes;
  for (const count of counts.length > 0 ? counts : [1, 1_000, 10_000]) {
    for (const root of roots) {
      const { load, rule, server } = await measureLive(processes, root, route!.servers, count, CHANGES);
      console.log(
        `${root} ${count} frontends: loaded in ${load.toFixed(0)} ms, ` +
          `a rule live after ${inWords(rule)} ms, a server after ${inWords(server)} ms`,
      );
    }
  }
} finally {
  await processes.stopAll();
}
