/**
 * The servers of one backend that may be chosen now, with their weights: what the table says, less those that are down,
 * ejected or draining, and with the weights that slow start and `drr` give them (src/shared/server-state.ts). Those that are
 * suspect (their lease ran out) may be chosen when no other can or when all others have failed a request, and ejected ones when
 * not even these.
 *
 * It is worked out anew only when the backend's count of changes has moved. All workers see the same words, so they make
 * the same schedule of it and go on with the same cursor: the turns stay exact among the servers that are left.
 */
import { changesOf, serversChanged, takeTurn } from '../../shared/cursors.ts';
import { DOWN, IN, type ServerState, TRIAL } from '../../shared/server-state.ts';
import { scheduleOf } from '../../table/schedule.ts';
import type { BackendView, ServerView } from '../../table/views.ts';
import { wasTried } from './tried.ts';

export type Shared = { readonly cursors: Int32Array; readonly serverState: ServerState };

export class Rotation {
  readonly backend: BackendView;
  readonly state: ServerState;
  /** Those with a weight above 0, in the order of the table; `weights` beside them. */
  servers: readonly ServerView[] = [];
  weights: readonly number[] = [];
  /** One full cycle of turns, each an index into the backend's servers; empty when there is none to be had. */
  schedule: Int32Array;
  scheduleLength: number;
  /** An ejected server whose time is over, waiting for one request. */
  trial: ServerView | null = null;
  /** Servers that may be chosen as they should be: ejected ones do not count, even where there are no others. */
  up = 0;
  /** Suspect ones that stand back for those. */
  private reserve: readonly ServerView[] = [];
  /** Goes up whenever the above has changed. */
  version = 0;
  private readonly cursors: Int32Array;
  private readonly draining: readonly number[];
  private readonly suspects: readonly number[];
  private seen = 0;

  constructor(backend: BackendView, { cursors, serverState }: Shared) {
    this.backend = backend;
    this.cursors = cursors;
    this.state = serverState;
    this.draining = backend.policy?.draining ?? [];
    this.suspects = backend.policy?.suspects ?? [];
    this.schedule = backend.schedule;
    this.scheduleLength = backend.scheduleLength;
    this.refresh();
  }

  /** Before every choice. */
  sync(): void {
    if (changesOf(this.cursors, this.backend.slot) !== this.seen) this.refresh();
  }

  /** The server of the next turn. Only when there is one. */
  takeTurn(): ServerView {
    return this.backend.servers[this.schedule[takeTurn(this.cursors, this.backend.slot) % this.scheduleLength]];
  }

  /** The server of any turn, drawn by weight; takes no turn. Only when there is one. */
  drawn(): ServerView {
    return this.backend.servers[this.schedule[(Math.random() * this.scheduleLength) | 0]];
  }

  /** One of the reserve, for a request that all `servers` have failed; null: they have not, or there is none. */
  reserved(tried: readonly ServerView[]): ServerView | null {
    if (this.reserve.length === 0 || this.servers.some((server) => !wasTried(server, tried))) return null;
    return this.reserve.find((server) => !wasTried(server, tried)) ?? null;
  }

  /** A number that goes up with every choice of any worker: where to begin among equals. */
  turn(): number {
    return takeTurn(this.cursors, this.backend.slot);
  }

  /** May a session stay with it? Draining and a weight of 0 do not end sessions. */
  keeps({ slot }: ServerView): boolean {
    return this.state.health(slot) !== DOWN && this.state.ejection(slot) === IN;
  }

  /** Has nobody tried it yet? `trial`: that of this rotation. */
  awaitsTrial(trial: ServerView): boolean {
    return this.state.ejection(trial.slot) === TRIAL;
  }

  /** This worker has changed the state of a server. */
  changed(): void {
    serversChanged(this.cursors, this.backend.slot);
  }

  private refresh(): void {
    const { backend, state } = this;
    // Before the words: whoever changes one of them from here on moves the count once more.
    this.seen = changesOf(this.cursors, backend.slot);
    this.version++;
    this.trial = null;
    let weights = this.weightsOf((index, isIn) => isIn && !this.suspects.includes(index));
    this.reserve = [];
    if (this.suspects.length > 0) {
      const suspects = this.weightsOf((index, isIn) => isIn && this.suspects.includes(index));
      if (weights.some((weight) => weight > 0))
        this.reserve = backend.servers.filter((_, index) => suspects[index] > 0);
      else weights = suspects;
    }
    this.up = weights.filter((weight) => weight > 0).length;
    // Main never ejects more than half. Where all others have gone since, an ejected server is better than none.
    if (this.up === 0) weights = this.weightsOf(() => true);
    for (const [index, server] of backend.servers.entries()) {
      if (state.ejection(server.slot) === TRIAL && this.weightOf(index) > 0) this.trial = server;
    }
    this.servers = backend.servers.filter((_, index) => weights[index] > 0);
    this.weights = weights.filter((weight) => weight > 0);
    const asConfigured = backend.servers.every(
      ({ weight }, index) => weights[index] === (this.draining.includes(index) ? 0 : weight),
    );
    this.schedule = asConfigured ? backend.schedule : scheduleOf(weights);
    this.scheduleLength = this.schedule.length;
  }

  /** 0 for those that are not taken; `isIn`: not ejected. */
  private weightsOf(isTaken: (index: number, isIn: boolean) => boolean): number[] {
    const { servers } = this.backend;
    return servers.map(({ slot }, index) =>
      isTaken(index, this.state.ejection(slot) === IN) ? this.weightOf(index) : 0,
    );
  }

  private weightOf(index: number): number {
    const { slot, weight } = this.backend.servers[index];
    const { state } = this;
    if (weight === 0 || this.draining.includes(index) || state.health(slot) === DOWN) return 0;
    return state.weight(slot) || weight;
  }
}
