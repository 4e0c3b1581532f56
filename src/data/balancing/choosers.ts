/** The ways to choose among the servers in rotation. One object per backend, made with its table; hash.ts has one more. */
import type { ServerView } from '../../table/views.ts';
import type { Rotation } from './rotation.ts';
import { wasTried } from './tried.ts';

export interface Chooser {
  /**
   * A server of a rotation that has one. `tried`: those that have failed this request; they come last. `hash`: of what
   * the request is to be told by, NO_HASH where that does not matter or is not there.
   */
  choose(rotation: Rotation, tried: readonly ServerView[], hash: number): ServerView;
  /** How probable each of `rotation.servers` is for a request that has not been tried: `choose` without taking a turn. */
  chances(rotation: Rotation, hash: number): readonly number[];
}

export const NO_HASH = -1;

/** Turns that a retry passes over before it takes any server that has not failed it. */
const MAX_PASSED_TURNS = 32;

function sharesOf(weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Turns, or pairs of servers, that are looked at for chances: with more of either they are told by weight. */
const MOST_CHANCES = 65_536;

/** `wrr`, and `drr`, whose weights come from the main thread. Exact over all workers: one Atomics.add (DESIGN §5). */
export class RoundRobin implements Chooser {
  choose(rotation: Rotation, tried: readonly ServerView[]): ServerView {
    let server = rotation.takeTurn();
    if (tried.length === 0) return server;
    // Without this, the turns that others take in between can lead all tries of one request to the same dead server.
    for (let passed = 0; passed < MAX_PASSED_TURNS && wasTried(server, tried); passed++) server = rotation.takeTurn();
    if (!wasTried(server, tried)) return server;
    return rotation.servers.find((other) => !wasTried(other, tried)) ?? server;
  }

  chances({ weights }: Rotation): readonly number[] {
    return sharesOf(weights);
  }
}

/**
 * The server with the fewest exchanges in flight per weight, over all workers. Among equals the one whose turn it is, so
 * that an idle backend is served by weight. Another worker may choose the same server at the same moment: the choice is
 * right but for what the others have begun in the microsecond before.
 */
export class LeastConnections implements Chooser {
  choose(rotation: Rotation, tried: readonly ServerView[]): ServerView {
    return this.chosenAt(rotation.turn(), rotation, tried);
  }

  chances(rotation: Rotation): readonly number[] {
    const { servers, weights, scheduleLength } = rotation;
    // After so many turns all begins anew.
    const turns = scheduleLength * servers.length;
    if (turns * servers.length > MOST_CHANCES) return sharesOf(weights);
    const counts = servers.map(() => 0);
    for (let turn = 0; turn < turns; turn++) counts[servers.indexOf(this.chosenAt(turn, rotation, []))]++;
    return sharesOf(counts);
  }

  private chosenAt(turn: number, rotation: Rotation, tried: readonly ServerView[]): ServerView {
    const { servers, weights, state } = rotation;
    let best = rotation.backend.servers[rotation.schedule[turn % rotation.scheduleLength]];
    let bestLoad = Number.POSITIVE_INFINITY;
    if (!wasTried(best, tried)) bestLoad = state.inFlight(best.slot) / weights[servers.indexOf(best)];
    if (bestLoad === 0) return best;
    for (let i = 0, at = turn % servers.length; i < servers.length; i++, at = at + 1 === servers.length ? 0 : at + 1) {
      const load = state.inFlight(servers[at].slot) / weights[at];
      if (load >= bestLoad || wasTried(servers[at], tried)) continue;
      best = servers[at];
      bestLoad = load;
    }
    return best;
  }
}

/** Of two servers drawn by weight, the one with fewer in flight per weight: nearly as even, at the same cost for any number. */
export class PowerOfTwoChoices implements Chooser {
  choose(rotation: Rotation, tried: readonly ServerView[]): ServerView {
    const one = this.draw(rotation, tried, null);
    const other = this.draw(rotation, tried, one);
    return one === other ? one : this.better(one, other, rotation);
  }

  chances(rotation: Rotation): readonly number[] {
    const { servers } = rotation;
    const shares = sharesOf(rotation.weights);
    if (servers.length === 1 || servers.length ** 2 > MOST_CHANCES) return shares;
    const chances = servers.map(() => 0);
    for (const [i, one] of servers.entries()) {
      for (const [j, other] of servers.entries()) {
        // The second is drawn among the others.
        if (i !== j)
          chances[this.better(one, other, rotation) === one ? i : j] += (shares[i] * shares[j]) / (1 - shares[i]);
      }
    }
    return chances;
  }

  private better(one: ServerView, other: ServerView, { servers, weights, state }: Rotation): ServerView {
    const oneLoad = state.inFlight(one.slot) * weights[servers.indexOf(other)];
    const otherLoad = state.inFlight(other.slot) * weights[servers.indexOf(one)];
    return otherLoad < oneLoad ? other : one;
  }

  private draw(rotation: Rotation, tried: readonly ServerView[], but: ServerView | null): ServerView {
    let server = rotation.drawn();
    for (let draws = 1; draws < 4 && (server === but || wasTried(server, tried)); draws++) server = rotation.drawn();
    if (server !== but && !wasTried(server, tried)) return server;
    return rotation.servers.find((any) => any !== but && !wasTried(any, tried)) ?? but ?? server;
  }
}
