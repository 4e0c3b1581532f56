/** The load: clients of every kind that ask both nodes in turn, and note whatever comes of it. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Visit, visit } from '../soak/client.ts';
import type { ChaosLedger } from './ledger.ts';
import type { Node } from './node.ts';

type Crew = Omit<Visit, 'backend' | 'body'> & {
  readonly clients: number;
  readonly length: number;
  readonly restMs: number;
  /** A connection for each. */
  readonly fresh?: true;
};

const CREWS: readonly Crew[] = [
  { kind: 'GET', clients: 6, method: 'GET', path: '/length', length: 300, restMs: 25 },
  { kind: 'GET, new connection', clients: 2, method: 'GET', path: '/length', length: 300, restMs: 60, fresh: true },
  { kind: 'late GET', clients: 3, method: 'GET', path: '/late', length: 300, restMs: 20 },
  { kind: 'download', clients: 1, method: 'GET', path: '/chunked', length: 200_000, restMs: 60 },
  { kind: 'POST', clients: 3, method: 'POST', path: '/upload', length: 2_000, restMs: 40 },
  { kind: 'upload', clients: 1, method: 'POST', path: '/upload', length: 300_000, restMs: 100, chunked: true },
];
/** Below the ten seconds after which tsuji closes an idle client. */
const CLIENT_IDLE_MS = 5_000;
const PRIME = 7_919;

/** Runs until `running` says no; resolves when all answers are there. */
export async function runClients(
  nodes: readonly Node[],
  backends: readonly string[],
  ledger: ChaosLedger,
  running: () => boolean,
): Promise<void> {
  const kept = new Agent({ keepAlive: true, timeout: CLIENT_IDLE_MS });
  const fresh = new Agent({ keepAlive: false });
  let visits = 0;
  const client = async ({ clients: _, length, restMs, fresh: isFresh, ...what }: Crew): Promise<void> => {
    while (running()) {
      const turn = visits++;
      const node = nodes[turn % nodes.length]!;
      const backend = backends[Math.floor(turn / nodes.length) % backends.length]!;
      const body = { seed: turn * PRIME, length: (length >> 1) + (turn % (length >> 1)) };
      const outcome = await visit(isFresh ? fresh : kept, node.port, { ...what, backend, body });
      ledger.add(outcome, node);
      await sleep(outcome.ending === 'broken' ? Math.max(restMs, 50) : restMs);
    }
  };
  await Promise.all(CREWS.flatMap((crew) => Array.from({ length: crew.clients }, () => client(crew))));
  kept.destroy();
  fresh.destroy();
}
