/** The clients of a soak: so many of every kind, each asking again and again until it is told to stop. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Visit, visit } from './client.ts';
import type { Ledger, Outcome } from './ledger.ts';
import { visitWebSocket } from './web-socket.ts';

const MIB = 1024 * 1024;
/** Below the ten seconds after which tsuji closes an idle client, so that no request crosses with that. */
const CLIENT_IDLE_MS = 5_000;

type Crew = Omit<Visit, 'backend' | 'body'> & {
  readonly clients: number;
  /** Greatest length of a body; each is between half of it and that. */
  readonly length: number;
  /** Pause between two visits, in milliseconds: what a benchmark would not have, so that pools and timers come into play. */
  readonly restMs: number;
};

/** Slow ones have bodies that are longer than what the kernel's socket buffers take away at once. */
const CREWS: readonly Crew[] = [
  { kind: 'small GET', clients: 12, method: 'GET', path: '/length', length: 200, restMs: 5 },
  { kind: 'HEAD', clients: 2, method: 'HEAD', path: '/length', length: MIB, restMs: 20 },
  { kind: 'download', clients: 3, method: 'GET', path: '/length', length: MIB, restMs: 150 },
  {
    kind: 'slow download',
    clients: 4,
    method: 'GET',
    path: '/length',
    length: 12 * MIB,
    restMs: 50,
    pieceBytes: 131_072,
    pauseMs: 30,
  },
  { kind: 'chunked response', clients: 3, method: 'GET', path: '/chunked', length: 400_000, restMs: 30 },
  {
    kind: 'slow chunked response',
    clients: 2,
    method: 'GET',
    path: '/chunked',
    length: 8 * MIB,
    restMs: 50,
    pieceBytes: 131_072,
    pauseMs: 30,
  },
  { kind: 'upload', clients: 2, method: 'POST', path: '/upload', length: MIB, restMs: 150 },
  { kind: 'chunked upload', clients: 2, method: 'POST', path: '/upload', length: MIB, restMs: 150, chunked: true },
  { kind: 'small POST', clients: 2, method: 'POST', path: '/upload', length: 300, restMs: 20 },
  {
    kind: 'slow upload',
    clients: 2,
    method: 'POST',
    path: '/upload',
    length: 300_000,
    restMs: 50,
    pieceBytes: 4_001,
    pauseMs: 40,
  },
  {
    // Under the 16 kB/s at which uWebSockets would end an upload after ten seconds.
    kind: 'crawling upload',
    clients: 2,
    method: 'POST',
    path: '/upload',
    length: 120_000,
    restMs: 50,
    pieceBytes: 1_500,
    pauseMs: 200,
    chunked: true,
  },
  { kind: 'upload, slow server', clients: 2, method: 'POST', path: '/upload-slow', length: 12 * MIB, restMs: 300 },
  {
    kind: 'download, client leaves',
    clients: 2,
    method: 'GET',
    path: '/length',
    length: 8 * MIB,
    restMs: 40,
    leaveAfter: 90_000,
  },
  {
    kind: 'chunked, client leaves',
    clients: 2,
    method: 'GET',
    path: '/chunked',
    length: 2 * MIB,
    restMs: 40,
    leaveAfter: 50_000,
  },
  {
    kind: 'upload, client leaves',
    clients: 2,
    method: 'POST',
    path: '/upload',
    length: 2 * MIB,
    restMs: 40,
    leaveAfter: 200_000,
    pieceBytes: 20_000,
    pauseMs: 2,
  },
];
const WEB_SOCKETS = 3;

export type Traffic = {
  /** Microseconds that small GETs took. */
  readonly latencies: { record(microseconds: number): void };
  /** Resolves when the last visit has ended; `problem`: an error of ours. */
  stop(): Promise<void>;
};

/**
 * @param backends every kind of client visits them in turn.
 * @param webSockets whether upgrades are answered with 101.
 */
export function startTraffic(
  port: number,
  backends: readonly string[],
  webSockets: boolean,
  ledger: Ledger,
  latencies: Traffic['latencies'],
): Traffic {
  const agent = new Agent({ keepAlive: true, timeout: CLIENT_IDLE_MS, maxFreeSockets: 64 });
  let running = true;
  let visits = 0;
  const nextBackend = (): string => backends[visits++ % backends.length]!;

  const repeat = async (restMs: number, once: () => Promise<Outcome>): Promise<void> => {
    while (running) {
      const outcome = await once();
      ledger.add(outcome);
      if (outcome.kind === 'small GET') latencies.record((outcome.endedAt - outcome.startedAt) * 1_000);
      // An attempt that fails at once must not become a busy loop.
      await sleep(outcome.ending === 'broken' ? Math.max(restMs, 50) : restMs);
    }
  };
  const clients: Promise<void>[] = [];
  for (const { clients: count, length, restMs, ...what } of CREWS) {
    for (let i = 0; i < count; i++) {
      clients.push(
        repeat(restMs, () => {
          const seed = visits * 7_919;
          const body = { seed, length: (length >> 1) + (seed % (length >> 1)) };
          return visit(agent, port, { ...what, backend: nextBackend(), body });
        }),
      );
    }
  }
  for (let i = 0; webSockets && i < WEB_SOCKETS; i++) {
    clients.push(repeat(50, () => visitWebSocket(port, nextBackend(), visits, visits % 5 === 0)));
  }
  return {
    latencies,
    async stop() {
      running = false;
      await Promise.all(clients);
      agent.destroy();
    },
  };
}
