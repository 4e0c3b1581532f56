/** What goes wrong in a chaos run: drawn at random, several at once, each noted before it is done and mended after its time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Facts } from './explain.ts';
import { junkKey, junkPathV2 } from './junk.ts';
import type { NetworkState } from './network.ts';
import type { Node } from './node.ts';
import type { Random } from './random.ts';
import type { Service } from './service.ts';
import type { Member, Store } from './store.ts';
import type { Span } from './times.ts';

/** Between two faults, at most. */
const PAUSE_MS = 1_200;
/** Until all is known again after etcd or the way to it is well: silence is noticed after 10 + 5 s, attempts are 10 s apart at most. */
const CATCH_UP_MS = 20_000;
const NETWORK_STATES: readonly NetworkState[] = ['cut', 'frozen', 'slow'];

type Trouble = Span & { readonly node: Node | null };
type Kind = { readonly name: string; readonly weight: number; begin(): Promise<void> | null };

export class Faults {
  readonly facts: Facts;
  /** `12.3 s: what`, in order. */
  readonly told: string[] = [];
  readonly counts = new Map<string, number>();
  /** Errors of the run itself, or nodes that did not do as they were told. */
  readonly errors: string[] = [];
  readonly #troubles: Trouble[] = [];
  readonly #random: Random;
  readonly #services: readonly Service[];
  readonly #nodes: readonly Node[];
  readonly #store: Store;
  readonly #startedAt = performance.now();
  readonly #open = new Set<Promise<void>>();
  readonly #kinds: readonly Kind[];
  #junk: Buffer[] = [];
  #junkV2: string[] = [];
  #written = 0;
  #storeBusy = false;

  constructor(random: Random, services: readonly Service[], nodes: readonly Node[], store: Store) {
    this.#random = random;
    this.#services = services;
    this.#nodes = nodes;
    this.#store = store;
    this.facts = { services, troubles: this.#troubles };
    this.#kinds = [
      {
        name: 'server killed',
        weight: 3,
        begin: () => this.#withService('killed', (service) => this.#killServer(service, false)),
      },
      {
        name: 'server and sidekick killed',
        weight: 3,
        begin: () => this.#withService('and sidekick killed', (each) => this.#killServer(each, true)),
      },
      {
        name: 'server stopped',
        weight: 3,
        begin: () => this.#withService('stopped', (service) => service.pause(random.whole(200, 5_000))),
      },
      {
        name: 'server deregistered',
        weight: 2,
        begin: () => this.#withService('deregistered', (service) => this.#deregister(service)),
      },
      {
        name: 'sidekick killed',
        weight: 2,
        begin: () => this.#withService('without sidekick', (service) => this.#loseLease(service)),
      },
      { name: 'worker ended', weight: 2, begin: () => this.#withNode('worker ended', (node) => node.endWorker()) },
      {
        name: 'node killed',
        weight: 2,
        begin: () => this.#withNode('killed', (node) => node.kill(random.whole(0, 1_500))),
      },
      {
        name: 'node drained',
        weight: 1,
        begin: () => this.#withNode('drained', (node) => node.drain(random.whole(0, 500))),
      },
      { name: 'node succeeded', weight: 2, begin: () => this.#withNode('succeeded', (node) => node.succeed()) },
      { name: 'network', weight: 4, begin: () => this.#network() },
      { name: 'etcd', weight: 3, begin: () => this.#etcd() },
      { name: 'hostile keys', weight: 3, begin: () => this.#writeJunk() },
    ];
  }

  /** Until `running` says no; resolves when all is mended. */
  async run(running: () => boolean): Promise<void> {
    while (running()) {
      await sleep(this.#random.whole(100, PAUSE_MS));
      const kind = this.#draw();
      const mended = kind.begin();
      if (mended === null) continue;
      this.counts.set(kind.name, (this.counts.get(kind.name) ?? 0) + 1);
      const whole = mended
        .catch((error: Error) => void this.errors.push(`${kind.name}: ${error.message}`))
        .finally(() => this.#open.delete(whole));
      this.#open.add(whole);
    }
    await Promise.all(this.#open);
    await this.#deleteJunk();
  }

  #draw(): Kind {
    return this.#random.pick(this.#kinds.flatMap((kind) => Array<Kind>(kind.weight).fill(kind)));
  }

  #tell(what: string): void {
    this.told.push(`${((performance.now() - this.#startedAt) / 1_000).toFixed(1)} s: ${what}`);
  }

  /** Null when all have one. */
  #withService(what: string, fault: (service: Service) => Promise<void>): Promise<void> | null {
    return this.#with(this.#services, what, fault);
  }

  #withNode(what: string, fault: (node: Node) => Promise<void>): Promise<void> | null {
    return this.#with(this.#nodes, what, fault);
  }

  #with<T extends { busy: boolean; readonly name: string }>(
    all: readonly T[],
    what: string,
    fault: (it: T) => Promise<void>,
  ): Promise<void> | null {
    const free = all.filter(({ busy }) => !busy);
    if (free.length === 0) return null;
    const it = this.#random.pick(free);
    it.busy = true;
    this.#tell(`${it.name} ${what}`);
    return fault(it).finally(() => {
      it.busy = false;
      this.#tell(`${it.name} is well`);
    });
  }

  async #killServer(service: Service, withSidekick: boolean): Promise<void> {
    const away = this.#random.whole(100, 7_000);
    await service.kill();
    if (withSidekick) await service.abandon();
    await sleep(away);
    await service.start();
    if (withSidekick) await service.register();
  }

  async #deregister(service: Service): Promise<void> {
    const away = this.#random.whole(200, 3_000);
    await service.deregister();
    await sleep(away);
    await service.register();
  }

  async #loseLease(service: Service): Promise<void> {
    const away = this.#random.whole(1_000, 8_000);
    await service.abandon();
    await sleep(away);
    await service.register();
  }

  #network(): Promise<void> | null {
    const node = this.#random.pick(this.#nodes);
    const state = this.#random.pick(NETWORK_STATES);
    const networks = this.#random.next() < 0.5 ? node.networks : [this.#random.pick(node.networks)];
    const away = this.#random.whole(500, 8_000);
    this.#tell(`network of ${node.name} ${state} to ${networks.length}`);
    return this.#trouble(node, async () => {
      for (const network of networks) network.set(state);
      await sleep(away);
      for (const network of networks) network.set('well');
      this.#tell(`network of ${node.name} is well`);
    });
  }

  #etcd(): Promise<void> | null {
    if (this.#storeBusy) return null;
    this.#storeBusy = true;
    const stops = this.#random.next() < 0.5;
    const away = this.#random.whole(500, 7_000);
    const choice = this.#random.whole(0, 3);
    const first = this.#random.whole(0, 2);
    return this.#trouble(null, async () => {
      const members = await this.#members(choice, first);
      const what = `etcd ${members.map(({ index }) => index).join(', ')}${choice === 1 ? ' (leader)' : ''}`;
      this.#tell(`${what} ${stops ? 'stopped' : 'killed'}`);
      if (stops) for (const member of members) member.signal('SIGSTOP');
      else await Promise.all(members.map((member) => member.kill()));
      await sleep(away);
      for (const member of members) {
        if (stops) member.signal('SIGCONT');
        else member.start();
      }
      await this.#store.put('/chaos', 'mended', '', 60_000);
      this.#tell(`${what} is well`);
    }).finally(() => {
      this.#storeBusy = false;
    });
  }

  /** One, the leader, two, or all. */
  async #members(choice: number, first: number): Promise<readonly Member[]> {
    const { members } = this.#store;
    if (choice === 1) return [(await this.#store.leader()) ?? members[first]!];
    const count = choice === 0 ? 1 : choice;
    return Array.from({ length: count }, (_, i) => members[(first + i) % members.length]!);
  }

  async #trouble(node: Node | null, fault: () => Promise<void>): Promise<void> {
    const trouble: Trouble = { node, from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#troubles.push(trouble);
    try {
      await fault();
    } finally {
      trouble.to = performance.now() + CATCH_UP_MS;
    }
  }

  async #writeJunk(): Promise<void> {
    const count = this.#random.pick([1, 5, 40, 400]);
    this.#tell(`${count} hostile keys`);
    const made = Array.from({ length: count }, () => junkKey(this.#random, this.#written++));
    const pathV2 = junkPathV2(this.#random, this.#written++);
    const keepsThem = this.#random.next() < 0.5;
    for (const { key, value } of made) {
      this.#junk.push(key);
      await this.#store.put(key, value);
    }
    this.#junkV2.push(pathV2);
    await this.#store.v2('PUT', pathV2, { value: 'junk' });
    if (!keepsThem) await this.#deleteJunk();
  }

  async #deleteJunk(): Promise<void> {
    const [keys, paths] = [this.#junk, this.#junkV2];
    this.#junk = [];
    this.#junkV2 = [];
    for (const key of keys) await this.#store.delete(key);
    for (const path of paths) await this.#store.v2('DELETE', path, { recursive: 'true' });
  }
}
