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
import { TouchedNames } from './touched-names.ts';

/** An entrypoint is a bit of one word. */
export const MAX_ENTRY_POINTS = 32;

function policyOf(backend: Backend): BackendPolicy {
  const { method, hash, sticky, ejectionFailures, circuitBreaker, maxConn, options = {} } = backend;
  const isLimited = maxConn !== undefined && maxConn.amount !== 0;
  const draining = backend.servers.flatMap((server, index) => (server.draining === true ? [index] : []));
  const suspects = backend.servers.flatMap((server, index) => (server.suspect === true ? [index] : []));
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
  return {
    name: frontend.name,
    backend: frontend.backend,
    rank: frontend.rank,
    entryPoints: bits,
    passHostHeader: frontend.passHostHeader,
    terms: frontend.terms,
    options: frontend.options,
    otherBackends: backendsOf(frontend.options),
    ...(frontend.modifiers === undefined ? {} : { modifiers: frontend.modifiers }),
  };
}

function usesAny({ backend, options }: Frontend, backends: ReadonlySet<string>): boolean {
  return backends.size > 0 && (backends.has(backend) || backendsOf(options).some((name) => backends.has(name)));
}

/** What the builder is told, and whom it is not told of, because there is no slot for them or by a mistake of ours. */
export type Told = { readonly change: TableChange; readonly refused: readonly Refused[] };

export class TableFeed {
  private readonly entryPoints: readonly string[];
  private readonly backendSlots: SlotRegistry;
  private readonly serverSlots: SlotRegistry;
  private readonly backends = new TouchedNames();
  private readonly frontends = new TouchedNames();
  /** Backend → the slots of servers that are held for it. */
  private readonly held = new Map<string, readonly number[]>();
  /** What the builder was told since the last table that was made. */
  private last = { backends: new TouchedNames(), frontends: new TouchedNames() };

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
    this.last = { backends: new TouchedNames(), frontends: new TouchedNames() };
  }

  /** Of a table that could not be made, all that there was new is told once more. */
  failed(): void {
    this.backends.addAll(this.last.backends);
    this.frontends.addAll(this.last.frontends);
  }

  /** The step from what was told before. */
  next(model: Model, generation: number): Told {
    return atOnce(this.telling(model, generation));
  }

  /** The same, to be done bit by bit; the model must stay as it is until its end. */
  *telling(model: Model, generation: number): Steps<Told> {
    const backends = this.backends.take();
    const frontends = this.frontends.take();
    this.last = { backends, frontends };
    const change = {
      generation,
      backends: [] as TableBackend[],
      frontends: [] as NamedFrontend[],
      goneBackends: [] as string[],
      goneFrontends: [] as string[],
    };
    const refused: Refused[] = [];
    const without = new Set<string>();
    for (const name of backends) {
      yield;
      this.letGo(name, generation);
      const backend = model.backends.get(name);
      if (backend === undefined) {
        change.goneBackends.push(name);
        this.backendSlots.release(this.backendSlots.find(name), generation);
        continue;
      }
      const held: number[] = [];
      try {
        change.backends.push(toTableBackend(backend, this.backendSlots, this.serverSlots, generation, held));
        // As long as it is: what was pushed to has room for 17.
        this.held.set(name, held.slice());
      } catch (error) {
        this.held.set(name, held);
        this.letGo(name, generation);
        this.backendSlots.release(this.backendSlots.find(name), generation);
        change.goneBackends.push(name);
        without.add(name);
        refused.push({ kind: 'backends', name, reason: reasonOf(error) });
      }
    }
    if (without.size > 0) frontends.add(new Set(this.usersOf(without, model)));
    for (const name of frontends) {
      yield;
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
    for (const slot of this.held.get(backend) ?? []) this.serverSlots.release(slot, generation);
    this.held.delete(backend);
  }

  /** Frontends that need one of these backends. */
  private usersOf(backends: ReadonlySet<string>, model: Model): string[] {
    if (backends.size === 0) return [];
    return [...model.frontends.values()].flatMap((each) => (usesAny(each, backends) ? [each.name] : []));
  }
}
