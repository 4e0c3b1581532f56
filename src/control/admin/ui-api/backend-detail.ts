/** One backend, and one server of it, whole. */
import { shownOptions } from '../../../middlewares/kinds.ts';
import { BACKEND_STRIDE, CONNECTS, IDLE, OPEN, REUSES } from '../../../shared/backend-counts.ts';
import { sumOfSlot } from '../../../shared/slot-counts.ts';
import type { BackendRow, ServerRow } from '../../board/backend-row.ts';
import type { Board } from '../../board/board.ts';
import { type Look, rounded, roundedLatency, windowSeconds } from '../../board/counted.ts';
import { concerns } from '../../board/event-log.ts';
import { whyOut } from '../../board/facts.ts';
import { isBad } from '../../board/states.ts';
import { shownValue } from '../../history/difference.ts';
import type { MergedKey } from '../../routing/kv-merge.ts';
import type { BackendDetail, Check, KeyRow, ServerDetail } from './detail-shapes.ts';
import type { BoardEvent, Text } from './shapes.ts';

const MOST_EVENTS = 20;
const MOST_FRONTENDS = 50;
const MOST_KEYS = 500;
const MOST_SERVERS = 2_000;

export function lookOf({ steps, histories }: Board): Look {
  return { steps, histories, seconds: windowSeconds(steps) };
}

export function eventsOf({ events }: Board, of: readonly string[]): BoardEvent[] {
  const found: BoardEvent[] = [];
  for (const event of events.log.before()) {
    if (!concerns(event, of)) continue;
    found.push(event);
    if (found.length === MOST_EVENTS) break;
  }
  return found;
}

/** Of very many the first ones. What may be a secret is told by its length. `below`: relative to the object. */
export function keyRows({ view }: Board, kind: 'backends' | 'frontends', name: string, below = ''): KeyRow[] {
  const object = `${kind}/${name}/`;
  const keys = view.keysOf(kind, name).filter(({ key }) => key.startsWith(object + below));
  return keys
    .slice(0, MOST_KEYS)
    .map((key) => [key.key.slice(object.length), shownValue(key.key, key.value) ?? '', sourceOf(key)]);
}

/** `etcdv3 rev 812`. */
export function sourceOf({ source, revision }: MergedKey): string {
  return revision === null ? source : `${source} rev ${revision}`;
}

function perSecond(count: number, seconds: number): number | null {
  return seconds <= 0 ? null : rounded(count / seconds);
}

function checkOf({ view }: Board, row: BackendRow, { server }: ServerRow): Check | null {
  const health = view.health(row.name, server.url);
  if (health === null) return null;
  const { state, since, checkedAt, seconds, reason, checks, failed, recent } = health;
  const ms = checkedAt === 0 ? null : rounded(seconds * 1_000);
  return { state, since: since || null, at: checkedAt || null, ms, reason, checks, failed, bits: recent };
}

function wordOf(board: Board, row: BackendRow, server: ServerRow, check: Check | null): Text {
  const why = isBad(server.state) ? whyOut(board, row, server) : '';
  if (why !== '') return [['code', why]];
  if (check !== null && check.ms !== null) {
    const { ms, reason } = check;
    return reason === '' ? [`answered in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`] : [['code', reason]];
  }
  const word = board.events.lastWord(row.name, server.server.name);
  return word === null || word.text === '' ? [] : [['code', word.text]];
}

function effectiveOf({ status }: ServerRow): number {
  return status.up ? status.effectiveWeight : 0;
}

function serverDetail(board: Board, row: BackendRow, server: ServerRow, turns: number): ServerDetail {
  const look = lookOf(board);
  const { counted, status, state, since } = server;
  const { rate, e4, e5 } = counted.shares(look);
  const check = checkOf(board, row, server);
  const effective = effectiveOf(server);
  return {
    name: server.server.name,
    url: server.server.url,
    state,
    since,
    weight: server.server.weight,
    effective,
    share: turns === 0 ? 0 : rounded(effective / turns),
    inflight: status.inFlight,
    rate: look.seconds <= 0 ? null : rounded(rate),
    e4: e4 === null ? null : rounded(e4),
    e5: e5 === null ? null : rounded(e5),
    broken: perSecond(counted.rates.recent(look.steps.count, 'broken'), look.seconds),
    lat: roundedLatency(counted.lat),
    ejections: status.ejections,
    check,
    word: wordOf(board, row, server, check),
  };
}

function turnsOf({ servers }: BackendRow): number {
  return servers.reduce((sum, server) => sum + effectiveOf(server), 0);
}

/** Connections now, and since when how many were made: rates are between two questions. */
type Seen = { readonly at: number; readonly made: number; readonly reused: number };
const FRESH_MS = 30_000;
const MOST_SEEN = 200;

export class BackendDetails {
  private readonly board: Board;
  private readonly seen = new Map<string, Seen>();

  constructor(board: Board) {
    this.board = board;
  }

  /** undefined: there is none of that name. */
  backend(name: string): BackendDetail | undefined {
    const { board } = this;
    const row = board.backends.get(name);
    return row === undefined ? undefined : { ...headOf(board, row), ...this.conns(row), ...bodyOf(board, row) };
  }

  server(name: string, serverName: string) {
    const { board } = this;
    const row = board.backends.get(name);
    const server = row?.servers.find((each) => each.server.name === serverName);
    if (row === undefined || server === undefined) return undefined;
    return {
      t: board.steps.at,
      backend: name,
      ...serverDetail(board, row, server, turnsOf(row)),
      c: server.counted.answers(lookOf(board)),
      keys: keyRows(board, 'backends', name, `servers/${serverName}/`),
      events: eventsOf(board, ['server', name, serverName]),
    };
  }

  private conns({ name }: BackendRow): Pick<BackendDetail, 'conns'> {
    const { view, now } = this.board;
    const slot = view.backendSlot(name);
    if (slot < 0) return { conns: { open: 0, idle: 0, made: null, reused: null } };
    const buffers = view.countBuffers().map(({ backends }) => new Float64Array(backends));
    const sums = sumOfSlot(buffers, BACKEND_STRIDE, slot);
    const at = now();
    const before = this.seen.get(name);
    if (before === undefined || at - before.at >= 1_000) {
      this.seen.delete(name);
      this.seen.set(name, { at, made: sums[CONNECTS], reused: sums[REUSES] });
      if (this.seen.size > MOST_SEEN) this.seen.delete(this.seen.keys().next().value!);
    }
    const isFresh = before !== undefined && at > before.at && at - before.at < FRESH_MS;
    const seconds = isFresh ? (at - before.at) / 1_000 : 0;
    const made = isFresh ? perSecond(sums[CONNECTS] - before.made, seconds) : null;
    const reused = isFresh ? perSecond(sums[REUSES] - before.reused, seconds) : null;
    return { conns: { open: sums[OPEN], idle: sums[IDLE], made, reused } };
  }
}

function headOf(board: Board, row: BackendRow) {
  const look = lookOf(board);
  const { name, thing, state, why, since, up, want, inflight, counted } = row;
  const recent = (count: 'retries' | 'refused' | 'received' | 'sent') =>
    perSecond(counted.rates.recent(look.steps.count, count), look.seconds) ?? 0;
  return {
    t: board.steps.at,
    name,
    state,
    why,
    since,
    method: thing.method,
    sticky: thing.sticky?.cookie ?? null,
    hash: thing.hash?.key ?? null,
    slowStart: thing.slowStartMs ?? null,
    up,
    want,
    draining: row.servers.filter((server) => server.state === 'draining').map(({ server }) => server.name),
    c: counted.answers(look),
    lat: roundedLatency(counted.lat),
    inflight,
    retries: look.seconds <= 0 ? null : ([recent('retries'), recent('refused')] as const),
    bytes: look.seconds <= 0 ? null : ([recent('received'), recent('sent')] as const),
  };
}

function guardsOf({ view }: Board, { name, thing }: BackendRow): Pick<BackendDetail, 'breaker' | 'limit' | 'check'> {
  const { circuitBreaker, maxConn, healthCheck } = thing;
  const breaker = view.breaker(name);
  const limit = view.limit(name);
  return {
    breaker:
      circuitBreaker === undefined || breaker === null
        ? null
        : {
            expression: circuitBreaker.expression,
            state: breaker.state,
            since: breaker.since || null,
            trips: breaker.trips,
            refused: breaker.refused,
          },
    limit:
      maxConn === undefined || limit === null ? null : { amount: maxConn.amount, by: maxConn.extractorFunc, ...limit },
    check:
      healthCheck === undefined
        ? null
        : {
            path: healthCheck.path,
            interval: healthCheck.intervalMs,
            timeout: healthCheck.timeoutMs,
            fall: healthCheck.fall,
            rise: healthCheck.rise,
            port: healthCheck.port,
            hostname: healthCheck.hostname,
          },
  };
}

function bodyOf(board: Board, row: BackendRow) {
  const { name, thing } = row;
  const turns = turnsOf(row);
  const frontends = [...board.view.frontendsOf(name)].flatMap((each) => board.frontends.get(each) ?? []);
  const busiest = [...frontends].sort(
    (one, other) => other.shares.rate - one.shares.rate || (one.thing.name < other.thing.name ? -1 : 1),
  );
  const badFirst = [...row.servers].sort((one, other) => Number(isBad(other.state)) - Number(isBad(one.state)));
  return {
    ...guardsOf(board, row),
    options: shownOptions(thing.options ?? {}),
    servers: badFirst.slice(0, MOST_SERVERS).map((server) => serverDetail(board, row, server, turns)),
    leftOut: (thing.leftOut ?? []).map(({ name: server, url, constraint }) => ({ name: server, url, constraint })),
    frontends: busiest
      .slice(0, MOST_FRONTENDS)
      .map(
        ({ thing: { name: frontend, routes }, shares }) =>
          [frontend, routes.map(({ rule }) => rule), rounded(shares.rate)] as const,
      ),
    frontendCount: frontends.length,
    keys: keyRows(board, 'backends', name),
    events: eventsOf(board, ['backend', name]),
  };
}
