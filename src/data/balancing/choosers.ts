/** The ways to choose among the servers in rotation. One object per backend, made with its table; hash.ts has one more. */
import type { ServerView } from '../../table/views.ts';
import type { Rotation } from './rotation.ts';

export interface Chooser {
  /**
   * A server of a rotation that has one. `tried`: those that have failed this request; they come last. `hash`: of what
   * the request is to be told by, NO_HASH where that does not matter or is not there.
   */
  choose(rotation: Rotation, tried: readonly ServerView[], hash: number): ServerView;
}

export const NO_HASH = -1;

/** Turns that a retry passes over before it takes any server that has not failed it. */
const MAX_PASSED_TURNS = 32;

export function wasTried(server: ServerView, tried: readonly ServerView[]): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i].slot === server.slot) return true;
  return false;
}

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
}

/**
 * The server with the fewest exchanges in flight per weight, over all workers. Among equals the one whose turn it is, so
 * that an idle backend is served by weight. Another worker may choose the same server at the same moment: the choice is
 * right but for what the others have begun in the microsecond before.
 */
export class LeastConnections implements Chooser {
  choose(rotation: Rotation, tried: readonly ServerView[]): ServerView {
    const { servers, weights, state } = rotation;
    const turn = rotation.turn();
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
    if (one === other) return one;
    const { servers, weights, state } = rotation;
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
