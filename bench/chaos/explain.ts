/**
 * Which answers the faults explain: the promises of a node under chaos, as code. An answer that none of these rules lets pass
 * is a fault of tsuji.
 *
 *     200              of a server whose key was or may have been there, as far as the node could know
 *     connection lost  the node was killed or drained, or a worker of it had an error, meanwhile
 *     cut short, 502   a server of the backend was killed meanwhile: what it was just answering goes with it
 *     504, 502         a server of the backend was stopped meanwhile, for as long as a response may take
 *     502, 503, 504    no server was good: alive and registered ever since the node has last known better
 *     404              never: the routes themselves do not change
 */
import type { Outcome } from '../soak/ledger.ts';
import type { Node } from './node.ts';
import type { Absence, Service } from './service.ts';
import { covers, meets, type Span } from './times.ts';

/** What happens is noticed by tsuji, and by its clients, after so long at most. */
const NOTICE_MS = 2_000;
/** A change is known to a node after so long, when nothing is wrong. */
const KNOWN_MS = 3_000;
/** A server that is back has traffic after so long: it was ejected, or its health check has failed. */
const BACK_MS = 6_000;
/** How late an answer may be that nothing holds up. */
const PATIENCE_MS = 8_000;
/** As the nodes are told (node.ts). */
const RESPONSE_MS = 3_000;

export type Facts = {
  readonly services: readonly Service[];
  /** While etcd or the way to it had a fault, with the time that it takes to know all again. */
  readonly troubles: readonly (Span & { readonly node: Node | null })[];
};

/** All that a node knows at `at` it may have known since then only. */
function knownSince(node: Node, { troubles }: Facts, at: number): number {
  let since = at - KNOWN_MS;
  const spans: readonly Span[] = [
    ...node.behind,
    ...troubles.filter((each) => each.node === null || each.node === node),
  ];
  for (let moved = true; moved; ) {
    moved = false;
    for (const span of spans) {
      if (!meets(span, since, at) || span.from - KNOWN_MS >= since) continue;
      since = span.from - KNOWN_MS;
      moved = true;
    }
  }
  return since;
}

function hasGoodServer(outcome: Outcome, node: Node, facts: Facts): boolean {
  const since = knownSince(node, facts, outcome.startedAt);
  return facts.services.some(
    (service) =>
      service.backend === outcome.backend &&
      !service.absences.some((absence) => meets(absence, outcome.startedAt - BACK_MS, outcome.endedAt)) &&
      covers(service.surely, since, outcome.endedAt),
  );
}

/** A server of its backend was absent for that reason while it ran, or had just come to be. */
function metAbsence({ backend, startedAt, endedAt }: Outcome, { services }: Facts, why: Absence['why']): boolean {
  return services.some(
    (service) =>
      service.backend === backend &&
      service.absences.some((absence) => {
        if (absence.why !== why) return false;
        return why === 'killed'
          ? meets({ from: absence.from, to: absence.from + NOTICE_MS }, startedAt, endedAt)
          : meets(absence, startedAt, endedAt);
      }),
  );
}

function mayHaveAnswered({ server, startedAt, endedAt }: Outcome, node: Node, facts: Facts): boolean {
  const service = facts.services.find(({ name }) => name === server);
  if (service === undefined) return false;
  const since = knownSince(node, facts, startedAt);
  return service.perhaps.some((span) => meets(span, since, endedAt));
}

/** Why the connection of its client may have broken, '' for no reason. */
function breakReason({ startedAt, endedAt, reused }: Outcome, node: Node): string {
  const outages = node.outages.filter((each) =>
    meets({ from: each.from, to: each.to + NOTICE_MS }, startedAt, endedAt),
  );
  const end = outages.find(({ why }) => why !== 'succeeded');
  if (end !== undefined) return `connection lost: node ${end.why}`;
  // Who lets go takes what has begun to its end. Only a connection that rests may be closed just when it is used again.
  return outages.length > 0 && reused ? 'connection lost: it rested when its node was succeeded' : '';
}

/** '' for a good one, a few words for one that a fault explains, null for one that nothing explains. */
export function explain(outcome: Outcome, node: Node, facts: Facts): string | null {
  const { status, ending, startedAt, endedAt } = outcome;
  if (ending === 'wrong') return null;
  const stopped = metAbsence(outcome, facts, 'stopped');
  if (endedAt - startedAt > PATIENCE_MS && !stopped) return null;
  if (ending === 'whole' && status === 200) return mayHaveAnswered(outcome, node, facts) ? '' : null;
  const lost = breakReason(outcome, node);
  const killed = metAbsence(outcome, facts, 'killed');
  if (ending === 'broken') {
    if (lost !== '') return lost;
    return status === 200 && killed ? 'cut short: a server was killed' : null;
  }
  if (status !== 502 && status !== 503 && status !== 504) return null;
  if (status === 502 && killed) return '502: a server was killed';
  if (status !== 503 && stopped && endedAt - startedAt > RESPONSE_MS / 2) return `${status}: a server was stopped`;
  if (!hasGoodServer(outcome, node, facts)) return `${status}: no server was good`;
  return null;
}
