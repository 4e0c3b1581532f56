/** A backend as the board sees it: how it and its servers stand, since when, and what they are asked. */
import type { Backend, Server } from '../../model/model.ts';
import { serverKey } from '../../shared/slots.ts';
import { type BackendState, SERVER_LETTERS, type ServerStateWord } from '../admin/ui-api/shapes.ts';
import type { ServerStatus } from '../balancing/server-status.ts';
import type { ControlView } from '../view.ts';
import { ALL_RANGES, Counted, HOUR_ONLY, type Look, reading } from './counted.ts';
import type { ReadLatency } from './history.ts';
import type { Shares } from './rates.ts';
import type { Readers } from './readers.ts';
import { backendState, serverState, upOf } from './states.ts';

export type ServerRow = {
  server: Server;
  slot: number;
  latency: ReadLatency;
  readonly counted: Counted;
  status: ServerStatus;
  state: ServerStateWord;
  /** Unix milliseconds, null: as long as it is known. */
  since: number | null;
};

/** What has changed in a look, for the events. */
export type RowChange = {
  readonly row: BackendRow;
  readonly before: BackendState | null;
  readonly failing: readonly ServerRow[];
  readonly recovered: readonly ServerRow[];
  readonly breakerBefore: BackendRow['breaker'];
};

const UNKNOWN_SHARES: Shares = { rate: 0, e4: null, e5: null };
/** Looks after which also those are looked at whole of which nothing was heard. */
const WHOLE_LOOKS = 15;
let made = 0;

export class BackendRow {
  readonly name: string;
  /** As it is in the model. */
  thing: Backend;
  readonly counted: Counted;
  servers: ServerRow[] = [];
  /** In order of name: the places of letters. */
  letters = '';
  state: BackendState = 'ok';
  why = '';
  /** Of the state; null: as long as it is known. */
  since: number | null = null;
  up = 0;
  want = 0;
  inflight = 0;
  shares: Shares = UNKNOWN_SHARES;
  breaker: 'standby' | 'tripped' | 'recovering' | null = null;
  private slot = -1;
  private latency: ReadLatency = () => {};
  private changes = -1;
  private answered = 0;
  /** Null before the first look. */
  private limitRefused: number | null = null;
  private readonly knownAt: number;
  private readonly turn = made++ % WHOLE_LOOKS;
  private isNew = true;

  constructor(backend: Backend, now: number) {
    this.name = backend.name;
    this.thing = backend;
    this.knownAt = now;
    this.counted = new Counted(`backend:${backend.name}`, ALL_RANGES);
  }

  /** Its keys are others, or its slots may be. */
  follow(backend: Backend): void {
    this.thing = backend;
    this.isNew = true;
  }

  /** null: nothing of it has changed that is to be told. */
  look(look: Look, view: ControlView, readers: Readers, isWanted: (name: string) => boolean): RowChange | null {
    // Those that are new get their slots with the next table.
    if (this.isNew || this.slot < 0 || this.servers.some(({ slot }) => slot < 0)) this.learn(view, readers);
    const { counted } = this;
    const changes = view.serverChanges(this.slot);
    const isDue = this.isNew || changes !== this.changes || (look.steps.count + this.turn) % WHOLE_LOOKS === 0;
    const answered = readers.answered(this.slot);
    if (!isDue && answered === this.answered && this.inflight === 0 && counted.isAsleep(look.steps)) return null;
    this.answered = answered;
    readers.backend(this.slot, reading);
    const wasAsked = counted.look(look, reading, this.latency, this.inflight);
    if (!wasAsked && !isDue && !counted.isRecent(look.steps)) return null;
    this.changes = changes;
    const isFirst = this.isNew && this.letters === '';
    this.isNew = false;
    return this.judge(look, view, readers, isWanted, isFirst);
  }

  private learn(view: ControlView, readers: Readers): void {
    const { name, thing: backend } = this;
    const known = new Map(this.servers.map((row) => [row.server.url, row]));
    this.slot = view.backendSlot(name);
    this.latency = readers.latencyOfBackend(this.slot);
    this.servers = backend.servers.map((server) => {
      const slot = view.serverSlot(serverKey(name, server.url));
      const row = known.get(server.url) ?? this.newRow(view, server);
      if (row.slot !== slot) row.latency = readers.latencyOfServer(slot);
      return Object.assign(row, { server, slot });
    });
  }

  private newRow(view: ControlView, server: Server): ServerRow {
    const counted = new Counted(`server:${this.name}/${server.name}`, HOUR_ONLY);
    const status = view.serverStatus(this.thing, server);
    return { server, slot: -1, latency: () => {}, counted, status, state: status.state, since: null };
  }

  private judge(
    look: Look,
    view: ControlView,
    readers: Readers,
    isWanted: (name: string) => boolean,
    isFirst: boolean,
  ): RowChange | null {
    const failing: ServerRow[] = [];
    const recovered: ServerRow[] = [];
    this.inflight = 0;
    for (const row of this.servers) {
      const before = row.state;
      this.lookAtServer(row, look, view, readers);
      this.inflight += row.status.inFlight;
      if (row.state === before) continue;
      if (!isFirst) row.since = look.steps.at;
      if (row.state === 'failing') failing.push(row);
      else if (before === 'failing') recovered.push(row);
    }
    const states = this.servers.map(({ state }) => state);
    this.letters = states.map((state) => SERVER_LETTERS[state]).join('');
    [this.up, this.want] = upOf(states);
    const breakerBefore = this.breaker;
    this.breaker = view.breaker(this.name)?.state ?? null;
    const before = this.become(look, view, isWanted(this.name), states);
    const isTold = before !== null || failing.length > 0 || recovered.length > 0 || breakerBefore !== this.breaker;
    return isTold ? { row: this, before, failing, recovered, breakerBefore } : null;
  }

  private lookAtServer(row: ServerRow, look: Look, view: ControlView, readers: Readers): void {
    const { counted, slot, server } = row;
    const status = view.serverStatus(this.thing, server);
    readers.server(slot, reading);
    counted.look(look, reading, row.latency, status.inFlight);
    const { count } = look.steps;
    const broken = counted.rates.recent(count, 'broken');
    const bad = broken + counted.rates.recent(count, 'c5');
    row.status = status;
    row.state = serverState({
      state: status.state,
      isDraining: server.draining === true,
      weight: server.weight,
      tries: counted.requests(look) + broken,
      bad,
    });
  }

  /** Returns the state before, null where it is the same. */
  private become(
    look: Look,
    view: ControlView,
    isWanted: boolean,
    servers: readonly ServerStateWord[],
  ): BackendState | null {
    const { counted, breaker } = this;
    this.shares = counted.shares(look);
    const limitRefused = view.limit(this.name)?.refused ?? 0;
    const refused = Math.max(0, limitRefused - (this.limitRefused ?? limitRefused));
    this.limitRefused = limitRefused;
    const { state, why } = backendState({
      servers,
      isWanted,
      e5: this.shares.e5,
      breaker,
      refused,
      retriesRefused: counted.rates.recent(look.steps.count, 'refused'),
      idleMs: look.steps.at - Math.max(counted.lastAt, this.knownAt),
    });
    this.why = why;
    if (state === this.state) return null;
    const before = this.state;
    this.state = state;
    this.since = look.steps.at;
    return before;
  }
}
