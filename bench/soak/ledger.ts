/**
 * What the clients of a soak saw, and which of it the soak itself has provoked. Everything that is not explained here
 * is a fault of tsuji.
 */

/** How a visit ended: as it should, by our own leaving, without the rest of a response, or with what is not true. */
export type Ending = 'whole' | 'left' | 'broken' | 'wrong';

export type Outcome = {
  readonly kind: string;
  readonly backend: string;
  /** A GET or HEAD, and no WebSocket: what a proxy may send to another server. */
  readonly repeatable: boolean;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0: no response head has come. */
  readonly status: number;
  readonly ending: Ending;
  readonly detail: string;
  /** Whose answer it is, '' for none of a server. */
  readonly server: string;
  /** The connection of the client had served a request before. */
  readonly reused: boolean;
};

/** A server process was killed while requests ran. */
export type Kill = { readonly backend: string; readonly at: number };

/** How long after a kill an exchange may still be found broken, in milliseconds. */
export const KILL_MS = 1_000;

/** Did this exchange run when a server of its backend was killed? */
export function metKill(outcome: Outcome, kills: readonly Kill[]): boolean {
  return kills.some(
    ({ backend, at }) => backend === outcome.backend && outcome.endedAt >= at && outcome.startedAt <= at + KILL_MS,
  );
}

/**
 * Why an outcome is in order: '' for a good one, a few words for one that we provoked, null for one that nothing
 * explains. A retry is allowed only before anything of a request was sent, or on a connection that had served before
 * (src/data/balancing/retry.ts), so the server that is killed takes the requests with it that it was just answering.
 */
export function explain(outcome: Outcome, kills: readonly Kill[]): string | null {
  if (outcome.ending === 'wrong') return null;
  if (outcome.ending === 'left') return '';
  const good = outcome.status === 101 || outcome.status === 200;
  if (outcome.ending === 'whole' && good) return '';
  if (!metKill(outcome, kills)) return null;
  if (outcome.ending === 'broken') return 'broken off when its server was killed';
  if (outcome.status !== 502) return null;
  return outcome.repeatable ? '502 on a first connection to a killed server' : '502 from a killed server';
}

type KindCount = { done: number; left: number };

/** At most so many outcomes without an explanation are kept word for word. */
const KEPT = 20;

/** A kill must be noted here before it is done: outcomes are judged as they come. */
export class Ledger {
  readonly kinds = new Map<string, KindCount>();
  readonly explained = new Map<string, number>();
  readonly unexplained: string[] = [];
  readonly kills: Kill[] = [];
  unexplainedCount = 0;

  add(outcome: Outcome): void {
    const count = this.kinds.get(outcome.kind) ?? { done: 0, left: 0 };
    this.kinds.set(outcome.kind, count);
    if (outcome.ending === 'left') count.left++;
    else count.done++;
    const why = explain(outcome, this.kills);
    if (why === '') return;
    if (why !== null) {
      this.explained.set(why, (this.explained.get(why) ?? 0) + 1);
      return;
    }
    this.unexplainedCount++;
    if (this.unexplained.length >= KEPT) return;
    const seconds = ((outcome.endedAt - outcome.startedAt) / 1000).toFixed(3);
    this.unexplained.push(
      `${outcome.kind} to ${outcome.backend}: ${outcome.status} ${outcome.ending} after ${seconds} s` +
        `, ${this.#sinceKill(outcome)}: ${outcome.detail}`,
    );
  }
  #sinceKill(outcome: Outcome): string {
    const last = this.kills.findLast(({ backend }) => backend === outcome.backend);
    return last === undefined ? 'no kill' : `${((outcome.endedAt - last.at) / 1000).toFixed(3)} s after a kill`;
  }
}
