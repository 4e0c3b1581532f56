/** Models → what the table builder is told: only what changed, with names as numbers. */

import type { StickyOptions } from '../../kernel/balancing-options.ts';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { atOnce, type Steps } from '../../kernel/steps.ts';
import { backendsOf } from '../../middlewares/kinds.ts';
import type { Backend, Frontend, Model } from '../../model/model.ts';
import { type SlotRegistry, serverKey } from '../../shared/slots.ts';
import type { NamedFrontend, TableBackend, TableChange } from '../../table/input.ts';
import type { BackendPolicy } from '../../table/options.ts';
import type { Refused } from '../../table/salvage.ts';
import type { ModelChange } from './reconciler.ts';
import { TouchedObjects } from './touched-objects.ts';

/** An entrypoint is a bit of one word. */
export const MAX_ENTRY_POINTS = 32;

function policyOf(backend: Backend): BackendPolicy {
  const { method, hash, sticky, ejectionFailures, circuitBreaker, maxConn, options = {} } = backend;
  const isLimited = maxConn !== undefined && maxConn.amount !== 0;
  const draining = placesOf(backend.servers, 'draining');
  const suspects = placesOf(backend.servers, 'suspect');
  return {
    ...(method === 'wrr' ? {} : { method }),
    ...(hash === undefined ? {} : { hash }),
    ...(sticky === undefined ? {} : { sticky: stickyOptions(sticky) }),
    ...(draining.length === 0 ? {} : { draining }),
    ...(suspects.length === 0 ? {} : { suspects }),
    ...(ejectionFailures === undefined ? {} : { ejectionFailures }),
    ...(circuitBreaker === undefined ? {} : { breaker: circuitBreaker }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(isLimited ? { maxConn: { amount: maxConn.amount, source: maxConn.source, header: maxConn.header } } : {}),
  };
}

const NO_PLACES: readonly number[] = [];

/** Those of which it is true. */
function placesOf(servers: Backend['servers'], mark: 'draining' | 'suspect'): readonly number[] {
  if (!servers.some((server) => server[mark] === true)) return NO_PLACES;
  return servers.flatMap((server, index) => (server[mark] === true ? [index] : []));
}

function stickyOptions({ cookie, secure, httpOnly, sameSite }: StickyOptions): StickyOptions {
  return { cookie, secure, httpOnly, sameSite };
}

/** `heldServers` gets the slots of its servers, as far as it comes. */
function toTableBackend(
  backend: Backend,
  backendSlots: SlotRegistry,
  serverSlots: SlotRegistry,
  generation: number,
  heldServers: number[],
): TableBackend {
  const holdServer = (url: string): number => {
    const slot = serverSlots.hold(serverKey(backend.name, url), generation);
    heldServers.push(slot);
    return slot;
  };
  return {
    name: backend.name,
    slot: backendSlots.hold(backend.name, generation),
    pipelining: backend.pipelining,
    policy: policyOf(backend),
    ...(backend.options === undefined ? {} : { otherBackends: backendsOf(backend.options) }),
    servers: backend.servers.map(({ draining: _draining, suspect: _suspect, ...server }) => ({
      ...server,
      slot: holdServer(server.url),
    })),
  };
}

function toTableFrontend(frontend: Frontend, entryPoints: readonly string[]): NamedFrontend {
  let bits = 0;
  for (const name of frontend.entryPoints) {
    const index = entryPoints.indexOf(name);
    if (index >= 0) bits |= 1 << index;
  }
  const others = backendsOf(frontend.options);
  return {
    name: frontend.name,
    backend: frontend.backend,
    rank: frontend.rank,
    entryPoints: bits,
    passHostHeader: frontend.passHostHeader,
    terms: frontend.terms,
    options: frontend.options,
    ...(others.length === 0 ? {} : { otherBackends: others }),
    ...(frontend.modifiers === undefined ? {} : { modifiers: frontend.modifiers }),
  };
}

function usesAny({ backend, options }: Frontend, backends: ReadonlySet<string>): boolean {
  return backends.size > 0 && (backends.has(backend) || backendsOf(options).some((name) => backends.has(name)));
}

/** What the builder is told, and whom it is not told of, because there is no slot for them or by a mistake of ours. */
export type Told = { readonly change: TableChange; readonly refused: readonly Refused[] };

/** Objects in a part of a step. */
const PART = 1_024;

function emptyChange(generation: number) {
  return {
    generation,
    backends: [] as TableBackend[],
    frontends: [] as NamedFrontend[],
    goneBackends: [] as string[],
    goneFrontends: [] as string[],
  };
}

export class TableFeed {
  private readonly entryPoints: readonly string[];
  private readonly backendSlots: SlotRegistry;
  private readonly serverSlots: SlotRegistry;
  private readonly backends = new TouchedObjects<unknown>();
  private readonly frontends = new TouchedObjects<unknown>();
  /** By slot of a backend: those of the servers that are held for it; where there is one, it stands for a list of it. */
  private readonly held: (number | readonly number[] | undefined)[] = [];
  /** What the builder was told since the last table that was made. */
  private last = { backends: new TouchedObjects<unknown>(), frontends: new TouchedObjects<unknown>() };

  /**
   * `entryPoints`: names, whose index is their bit, as in the boot record of a worker. Throws TsujiError
   * TOO_MANY_ENTRY_POINTS beyond 32.
   */
  constructor(entryPoints: readonly string[], backendSlots: SlotRegistry, serverSlots: SlotRegistry) {
    if (entryPoints.length > MAX_ENTRY_POINTS) {
      throw new TsujiError(
        'TOO_MANY_ENTRY_POINTS',
        `there are ${entryPoints.length} entrypoints; a routing table has room for ${MAX_ENTRY_POINTS}`,
      );
    }
    this.entryPoints = entryPoints;
    this.backendSlots = backendSlots;
    this.serverSlots = serverSlots;
  }

  /** What the next step will have to tell. */
  touch(changed: Pick<ModelChange, 'backends' | 'frontends'>): void {
    this.backends.add(changed.backends);
    this.frontends.add(changed.frontends);
  }

  /** A table was made of the last step. */
  made(): void {
    this.last = { backends: new TouchedObjects(), frontends: new TouchedObjects() };
  }

  /** Of a table that could not be made, all that there was new is told once more. */
  failed(): void {
    this.backends.putBack(this.last.backends);
    this.frontends.putBack(this.last.frontends);
  }

  /** How many objects the next step has, about. */
  get size(): number {
    return this.backends.size + this.frontends.size;
  }

  /** The step from what was told before. */
  next(model: Model, generation: number): Told {
    return atOnce(this.telling(model, generation, null));
  }

  /**
   * The same, to be done bit by bit; the model must stay as it is until its end. `onPart`: takes parts of the step as they come, so
   * that what is returned is only the rest; null: nobody does.
   */
  *telling(model: Model, generation: number, onPart: ((part: TableChange) => void) | null): Steps<Told> {
    const backends = this.backends.take();
    const frontends = this.frontends.take();
    this.last = { backends, frontends };
    let change = emptyChange(generation);
    const givePart = (): void => {
      if (onPart === null || change.backends.length + change.frontends.length < PART) return;
      onPart(change);
      change = emptyChange(generation);
    };
    const refused: Refused[] = [];
    const without = new Set<string>();
    for (const [name] of backends) {
      yield;
      givePart();
      this.letGo(name, generation);
      const backend = model.backends.get(name);
      if (backend === undefined) {
        change.goneBackends.push(name);
        this.backendSlots.release(this.backendSlots.find(name), generation);
        continue;
      }
      const held: number[] = [];
      try {
        const told = toTableBackend(backend, this.backendSlots, this.serverSlots, generation, held);
        change.backends.push(told);
        // As long as it is: what was pushed to has room for 17.
        this.held[told.slot] = held.length === 1 ? held[0] : held.slice();
      } catch (error) {
        for (const slot of held) this.serverSlots.release(slot, generation);
        this.backendSlots.release(this.backendSlots.find(name), generation);
        change.goneBackends.push(name);
        without.add(name);
        refused.push({ kind: 'backends', name, reason: reasonOf(error) });
      }
    }
    if (without.size > 0) frontends.add(new Map(this.usersOf(without, model).map((name) => [name, null])));
    for (const [name] of frontends) {
      yield;
      givePart();
      const frontend = model.frontends.get(name);
      try {
        // Without its backend the builder must not hear of it; the model will say why.
        if (frontend === undefined || usesAny(frontend, without)) change.goneFrontends.push(name);
        else change.frontends.push(toTableFrontend(frontend, this.entryPoints));
      } catch (error) {
        change.goneFrontends.push(name);
        refused.push({ kind: 'frontends', name, reason: reasonOf(error) });
      }
    }
    return { change, refused };
  }

  private letGo(backend: string, generation: number): void {
    const at = this.backendSlots.find(backend);
    const held = at < 0 ? undefined : this.held[at];
    if (held === undefined) return;
    for (const slot of typeof held === 'number' ? [held] : held) this.serverSlots.release(slot, generation);
    this.held[at] = undefined;
  }

  /** Frontends that need one of these backends. */
  private usersOf(backends: ReadonlySet<string>, model: Model): string[] {
    if (backends.size === 0) return [];
    return [...model.frontends.values()].flatMap((each) => (usesAny(each, backends) ? [each.name] : []));
  }
}
