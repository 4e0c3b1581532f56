/** What of the board and of the control plane the verdict is made of (verdict.ts), and what troubles and findings say. */
import { hostname } from 'node:os';
import { type Overview, VERSION } from '../admin/ui-api/shapes.ts';
import type { BackendRow, ServerRow } from './backend-row.ts';
import type { Board } from './board.ts';
import { rounded, roundedLatency, windowSeconds } from './counted.ts';
import type { FindingFacts } from './findings.ts';
import type { OutServer } from './out-servers.ts';
import { isBad } from './states.ts';
import type { BackendTrouble, CertificateTrouble, SourceTrouble, Troubled } from './troubles.ts';
import { type Facts, isSilent, type SourceFacts } from './verdict.ts';

const DAY_MS = 86_400_000;
const ENDING_MS = 14 * DAY_MS;

function sourceFacts({ view, now }: Board): SourceFacts[] {
  const t = now();
  return view.sources().map(({ name, state, confirmedAt, remembered }) => {
    const isRemembered = remembered === true;
    const since = isRemembered || confirmedAt === 0 ? view.startedAt : confirmedAt;
    return { name, state, isRemembered, wasLive: confirmedAt > 0 && !isRemembered, silentMs: Math.max(0, t - since) };
  });
}

export function workersOf({ view }: Board): { serving: number; wanted: number } {
  const workers = view.workers();
  return { serving: workers.filter(({ state }) => state === 'serving').length, wanted: workers.length };
}

export function factsOf(board: Board): Facts {
  const { view, now, steps } = board;
  const rows = [...board.backends.values()];
  const withServers = rows.filter(({ servers }) => servers.length > 0);
  const failing = rows.filter(({ state }) => state === 'failing');
  const shares = board.all.shares({ steps, histories: board.histories, seconds: windowSeconds(steps) });
  const t = now();
  return {
    workers: workersOf(board),
    hasServed: board.hasServed,
    rate: shares.rate,
    e5: shares.e5,
    backends: withServers.length,
    failing: failing.filter(({ servers }) => servers.length > 0).length,
    allFailing: failing.length,
    sources: sourceFacts(board),
    unsettledMs: board.unsettledMs,
    expiredCertificates: view.certificates().filter(({ notAfter }) => notAfter > 0 && notAfter <= t).length,
  };
}

function hostOf({ server }: ServerRow): string {
  return server.host;
}

export function whyOut(board: Board, { name }: BackendRow, { server, state }: ServerRow): string {
  const health = state === 'down' ? board.view.health(name, server.url) : null;
  if (health !== null && health.reason !== '') return health.reason;
  const word = board.events.lastWord(name, server.name);
  return word?.isBad === true ? word.text : '';
}

function outOf(board: Board, row: BackendRow): OutServer[] {
  return row.servers
    .filter(({ state }) => isBad(state))
    .map((server) => ({
      backend: row.name,
      server: server.server.name,
      host: hostOf(server),
      state: server.state,
      reason: whyOut(board, row, server),
    }));
}

function backendTrouble(board: Board, row: BackendRow): BackendTrouble {
  const { name, state, why, since, up, want, shares } = row;
  const { rate, e5 } = shares;
  return { name, state, why, since, up, want, e5, fails: e5 === null ? 0 : rate * e5, out: outOf(board, row) };
}

function sourceTroubles({ view }: Board, facts: Facts): SourceTrouble[] {
  const silent = new Map(facts.sources.filter(isSilent).map((source) => [source.name, source]));
  return view.sources().flatMap(({ name, state, error, confirmedAt }) => {
    const source = silent.get(name);
    return source === undefined ? [] : [{ name, state, error, confirmedAt, silentMs: source.silentMs }];
  });
}

function certificateTroubles({ view, now }: Board): CertificateTrouble[] {
  const soon = now() + ENDING_MS;
  return view
    .certificates()
    .filter(({ notAfter, problem }) => problem !== '' || (notAfter > 0 && notAfter < soon))
    .map(({ names, from, notAfter, problem }) => ({ names, from, notAfter, problem }));
}

export function troubledOf(board: Board, facts: Facts): Troubled {
  const { view, now } = board;
  const troubled = [...board.backends.values()].filter(({ state }) => state === 'failing' || state === 'impaired');
  return {
    now: now(),
    backends: board.backends.size,
    troubled: troubled.map((row) => backendTrouble(board, row)),
    sources: sourceTroubles(board, facts),
    workers: facts.workers,
    unsettledMs: facts.unsettledMs,
    generation: view.generation(),
    certificates: certificateTroubles(board),
    held: view.held()?.reason ?? '',
  };
}

export function findingFacts(board: Board, troubled: Troubled): FindingFacts {
  const { verdict, all, steps, histories, view } = board;
  const { rate, e5 } = all.shares({ steps, histories, seconds: windowSeconds(steps) });
  const { level, since } = verdict;
  return {
    level,
    since,
    troubled,
    troubles: board.troubles,
    rate,
    e5,
    servers: board.servers,
    change: board.events.lastChange(since),
    lagMs: board.lagMs,
    sources: view.sources().map(({ name, state, error }) => ({ name, state, error })),
  };
}

function daysToEnd({ view, now }: Board): number | null {
  const ends = view.certificates().flatMap(({ notAfter }) => (notAfter > 0 ? [notAfter] : []));
  return ends.length === 0 ? null : Math.floor((Math.min(...ends) - now()) / DAY_MS);
}

/** At most 900 bytes, whatever is configured. */
export function overviewOf(board: Board): Overview {
  const { view, steps, all, readers, verdict, problems, events, revisions } = board;
  const t = steps.at === 0 ? board.now() : steps.at;
  const seconds = windowSeconds(steps);
  const per = (name: 'received' | 'sent') => rounded(all.rates.recent(steps.count, name) / seconds);
  const [retries, refused] = board.retries;
  const { serving, wanted } = workersOf(board);
  const conns = board.entryPoints.reduce((sum, _, index) => sum + readers.metrics.connections(index), 0);
  return {
    v: VERSION,
    t,
    gen: view.generation(),
    genAt: view.appliedAt() === 0 ? null : view.appliedAt(),
    settled: view.settled(),
    level: verdict.level,
    since: verdict.since,
    c: all.answers({ steps, histories: board.histories, seconds }),
    lat: roundedLatency(all.lat),
    inflight: board.inflight,
    conns: [conns, readers.metrics.openUpstreamConnections()],
    bytes: seconds <= 0 ? null : [per('received'), per('sent')],
    retries: seconds <= 0 ? null : [rounded(retries / seconds), rounded(refused / seconds)],
    sources: view
      .sources()
      .map(({ name, state, confirmedAt }) => [name, state, confirmedAt === 0 ? null : Math.max(0, t - confirmedAt)]),
    servers: view.generation() === 0 ? null : board.servers,
    backends: board.states,
    frontends: board.frontends.size,
    problems: [problems.newCount(t), problems.count],
    cert: daysToEnd(board),
    workers: [serving, wanted],
    lag: Math.round(board.lagMs * 10) / 10,
    draining: view.draining(),
    changes: events.changeCount(),
    rev: { ...revisions, events: events.log.revision },
    node: hostname().slice(0, 60),
    version: view.version,
    startedAt: view.startedAt,
  };
}
