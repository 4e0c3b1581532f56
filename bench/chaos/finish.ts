/** When all faults are mended: does every node route by what the store has, serve all, and hold nothing of what was? */

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Processes } from '../processes.ts';
import { visit } from '../soak/client.ts';
import type { Network } from './network.ts';
import { Node } from './node.ts';
import type { Service } from './service.ts';
import type { Store } from './store.ts';

const CAUGHT_UP_MS = 40_000;
const SETTLE_MS = 20_000;
const TRIES = 12;
/** Resident bytes by which a node that has seen it all may be greater than a fresh one. */
const GROWTH_LIMIT = 120 * 2 ** 20;

/** Looks again and again until there is nothing to say, or `ms` are over. */
async function untilEmpty(look: () => Promise<string>, ms: number): Promise<string> {
  const deadline = performance.now() + ms;
  for (;;) {
    const said = await look().catch((error: Error) => error.message);
    if (said === '' || performance.now() > deadline) return said;
    await sleep(200);
  }
}

async function configuration(node: Node): Promise<unknown> {
  return JSON.parse((await node.page('/api/providers/etcd')).text);
}

/** Where two configurations differ, as the names of objects. */
function differences(mine: unknown, theirs: unknown): string {
  const names: string[] = [];
  for (const kind of ['backends', 'frontends'] as const) {
    const [a, b] = [mine, theirs].map(
      (each) => (each as Record<string, Record<string, unknown> | undefined>)[kind] ?? {},
    );
    for (const name of new Set([...Object.keys(a!), ...Object.keys(b!)])) {
      if (isDeepStrictEqual(a![name], b![name])) continue;
      names.push(`${kind}/${name} is ${JSON.stringify(a![name])}, not ${JSON.stringify(b![name])}`);
    }
  }
  return names.slice(0, 3).join('; ');
}

async function serves(node: Node, backends: readonly string[]): Promise<string> {
  for (const backend of backends) {
    for (let i = 0; i < TRIES; i++) {
      const { status, ending, detail } = await visit(undefined, node.port, {
        kind: 'last',
        backend,
        method: 'GET',
        path: '/length',
        body: { seed: i, length: 100 },
      });
      if (status !== 200 || ending !== 'whole') return `${backend}: ${status} ${ending} ${detail}`;
    }
  }
  return '';
}

export type Last = { readonly failures: readonly string[]; readonly bytes: readonly number[] };

/** What must not be, one line each, and resident bytes: of a fresh node, then of each that has seen it all. */
export async function lookAtTheEnd(
  nodes: readonly Node[],
  networks: readonly Network[],
  services: readonly Service[],
  store: Store,
  processes: Processes,
): Promise<Last> {
  const failures: string[] = [];
  const demand = (node: Node, what: string, problem: string): void => {
    if (problem !== '') failures.push(`${node.name}: ${what}: ${problem}`);
  };
  const backends = [...new Set(services.map(({ backend }) => backend))];
  const fresh = await Node.make('fresh', networks, processes, false);
  await fresh.start();
  const revision = await store.put('/traefik/chaos', 'last');
  for (const node of [fresh, ...nodes]) {
    const caughtUp = async (): Promise<string> => {
      const { status, text } = await node.page(`/api/config/wait?revision=${revision}&source=etcdv3&timeout=5s`);
      return status === 200 ? '' : text;
    };
    demand(node, 'it does not catch up', await untilEmpty(caughtUp, CAUGHT_UP_MS));
  }
  const wanted = (): Promise<unknown> => configuration(fresh);
  for (const node of nodes) {
    const same = async (): Promise<string> => differences(await configuration(node), await wanted());
    demand(node, 'it routes by other keys than a fresh node', await untilEmpty(same, CAUGHT_UP_MS));
    demand(node, 'it does not serve', await untilEmpty(() => serves(node, backends), SETTLE_MS));
  }
  for (const node of nodes) demand(node, 'left over', await untilEmpty(() => node.leftOver(), SETTLE_MS));
  const bytes = [fresh, ...nodes].map((node) => node.resident());
  for (const [i, node] of nodes.entries()) {
    const growth = bytes[i + 1]! - bytes[0]!;
    demand(node, 'memory', growth > GROWTH_LIMIT ? `${growth} bytes more than a fresh node` : '');
  }
  for (const node of [...nodes, fresh]) {
    const code = await node.stop();
    demand(node, 'its end', code === 0 ? '' : `exit code ${code}`);
    const odd = node
      .log()
      .split('\n')
      .filter((line) => /event=own_error|event=worker_slow| level=fatal/.test(line));
    demand(node, 'its log', odd.slice(0, 3).join('\n  '));
  }
  return { failures, bytes };
}
