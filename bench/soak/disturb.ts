/** What happens to tsuji and its servers during a soak: keys change several times a second, and servers die and return. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type Processes, type Started, untilListening } from '../processes.ts';
import { hostOf } from './client.ts';
import type { Ledger } from './ledger.ts';
import type { Keys } from './tsuji.ts';

const ORIGIN = join(import.meta.dirname, 'origin.ts');
/** A mistake of an operator: costs its own frontend and a line in the log. */
export const BAD_RULE = 'Hots:nowhere';
const CHANGE_MS = 150;
const LIFE_MS = 4_000;
const DEATH_MS = 700;

export class Server {
  readonly name: string;
  readonly port: number;
  readonly #processes: Processes;
  #running: Started | null = null;
  /** What earlier lives of this server have said. */
  #said = '';

  constructor(name: string, port: number, processes: Processes) {
    this.name = name;
    this.port = port;
    this.#processes = processes;
  }

  /** @throws Error with its own words when it does not come up. */
  async start(): Promise<void> {
    const args = [ORIGIN, this.name, String(this.port)];
    this.#running = this.#processes.start(`server ${this.name}`, null, { file: process.execPath, args });
    await untilListening(this.#running, this.port);
  }

  async kill(): Promise<void> {
    const running = this.#running!;
    running.child.kill('SIGKILL');
    await running.ended;
    this.#said = this.complaints();
    this.#running = null;
  }

  /** It tells only what must not be. */
  complaints(): string {
    return this.#said + (this.#running === null ? '' : this.#running.stdout() + this.#running.stderr());
  }
}

export type Site = {
  /** Its servers live; weights change, and one of its servers comes and goes in the keys. */
  readonly steady: readonly Server[];
  /** Its servers are killed, one after the other. */
  readonly mortal: readonly Server[];
};

async function startServers(backend: string, count: number, processes: Processes): Promise<Server[]> {
  const servers: Server[] = [];
  for (let i = 1; i <= count; i++) servers.push(new Server(`${backend}${i}`, await freePort(), processes));
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}

function serverKeys(server: Server, weight: number): Record<string, string> {
  return { url: `http://127.0.0.1:${server.port}`, weight: String(weight) };
}

/** Servers and their keys. The last steady server has no keys yet. */
export async function buildSite(processes: Processes, keys: Keys): Promise<Site> {
  const steady = await startServers('steady', 4, processes);
  const mortal = await startServers('mortal', 3, processes);
  for (const [backend, servers] of [
    ['steady', steady.slice(0, -1)],
    ['mortal', mortal],
  ] as const) {
    for (const server of servers) keys.add(`backends/${backend}/servers/${server.name}`, serverKeys(server, 10));
    keys.add(`frontends/${backend}`, { backend, 'routes/main/rule': `Host:${hostOf(backend)}` });
  }
  return { steady, mortal };
}

/** Changes keys until `signal` says so; counts the changes. */
export async function changeKeys(keys: Keys, site: Site, running: () => boolean): Promise<number> {
  const guest = site.steady.at(-1)!;
  const guestKey = `backends/steady/servers/${guest.name}`;
  let guestIn = false;
  let changes = 0;
  const unrelated: string[] = [];
  while (running()) {
    await sleep(CHANGE_MS);
    changes++;
    switch (changes % 4) {
      case 0: {
        const server = site.steady[(changes >> 2) % (site.steady.length - 1)]!;
        keys.set(`backends/steady/servers/${server.name}/weight`, String(1 + ((changes * 7) % 10)));
        break;
      }
      case 1:
        if (guestIn) keys.remove(guestKey);
        else keys.add(guestKey, serverKeys(guest, 5));
        guestIn = !guestIn;
        break;
      case 2: {
        // Names never return, so that whatever is kept per name would show as growth. Every third has a bad rule.
        const name = `unrelated-${changes}`;
        const rule = changes % 3 === 0 ? BAD_RULE : `Host:${name}.test;PathPrefix:/a,/b`;
        keys.add(`frontends/${name}`, { backend: 'steady', 'routes/main/rule': rule });
        unrelated.push(name);
        break;
      }
      default:
        if (unrelated.length > 5) keys.remove(`frontends/${unrelated.shift()!}`);
    }
  }
  return changes;
}

/** Kills one mortal server after the other and lets it return. */
export async function killServers(site: Site, ledger: Ledger, running: () => boolean): Promise<void> {
  for (let turn = 0; running(); turn++) {
    await sleep(LIFE_MS);
    if (!running()) return;
    const server = site.mortal[turn % site.mortal.length]!;
    ledger.kills.push({ backend: 'mortal', at: performance.now() });
    await server.kill();
    await sleep(DEATH_MS);
    await server.start();
  }
}
