/**
 * What the dashboard shows, as main keeps it: every 2 s it looks at all that was counted and decided, and keeps states, rates,
 * points of history, events, and the verdict.
 *
 *     counts in shared memory ─┐
 *     words of balancing ──────┼─▶ look ─▶ rows, histories ─▶ troubles ─▶ verdict, findings ─▶ listeners (streams)
 *     model, sources, workers ─┘             └─▶ events ◀── events of the log
 *
 * A look is made in slices, so that requests of the admin pages and routes wait for a few milliseconds at most. Nothing here is
 * asked by a page: pages read what the last look has found.
 */
import { setTimeout as after } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { hearEvents } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Frontend, Model } from '../../model/model.ts';
import type { Findings, Overview } from '../admin/ui-api/shapes.ts';
import type { MergedChange } from '../routing/kv-merge.ts';
import type { ControlView } from '../view.ts';
import { BackendRow } from './backend-row.ts';
import { BoardEvents } from './board-events.ts';
import { ALL_RANGES, Counted, type Look, reading, windowSeconds } from './counted.ts';
import { factsOf, findingFacts, troubledOf, workersOf } from './facts.ts';
import { findingsOf } from './findings.ts';
import { FrontendRow } from './frontend-row.ts';
import { Histories } from './history.ts';
import { ProblemAges } from './problem-ages.ts';
import { Readers } from './readers.ts';
import { STEP_MS, Steps } from './steps.ts';
import { type Trouble, troublesOf } from './troubles.ts';
import { HeldLevel, levelOf } from './verdict.ts';
import { WorkerRows } from './worker-rows.ts';

export type BoardOptions = {
  /** Bytes of history; shared/design dashboard §9. */
  readonly historyBytes: number;
  /** Unix milliseconds; for tests. */
  readonly now?: () => number;
  /** Its load is another one: for the other nodes. */
  readonly onLoad?: () => void;
};

/** How long a look works at a time, and then leaves main to others, milliseconds: what these do in many small steps is not late then. */
const SLICE_MS = 2;
const REST_MS = 4;
/** Behind the beginning of a step, so that a timer that is early does not fall into the one before. */
const BEHIND_MS = 20;
const LAGS = 10;
/** Looks between two times that others are told the load of this node. */
const LOAD_LOOKS = 5;
/** Between two that differ in figures only. */
const FINDINGS_MS = 10_000;

export class Board {
  readonly view: ControlView;
  readonly readers: Readers;
  readonly steps = new Steps();
  readonly histories: Histories;
  readonly events: BoardEvents;
  readonly problems = new ProblemAges();
  readonly backends = new Map<string, BackendRow>();
  readonly frontends = new Map<string, FrontendRow>();
  readonly entryPoints: readonly Counted[];
  readonly all = new Counted('all', ALL_RANGES);
  readonly workers: WorkerRows;
  readonly verdict: HeldLevel;
  troubles: readonly Trouble[] = [];
  findings: Findings;
  /** Each moves when its thing has changed. */
  readonly revisions = { findings: 0, lists: 0, wall: 0 };
  readonly now: () => number;
  /** Hear of the end of each look. */
  readonly listeners = new Set<() => void>();
  inflight = 0;
  /** Not bad, taking part, of all backends. */
  servers: readonly [up: number, want: number] = [0, 0];
  /** Some worker has, since the start. */
  hasServed = false;
  /** For how long the newest generation is not what every worker routes by. */
  unsettledMs = 0;
  private unsettled = { generation: 0, since: 0 };
  /** Backends by state. */
  states: Overview['backends'] = { failing: 0, impaired: 0, ok: 0, idle: 0 };
  /** Of the last 10 s: retries, and those that their budget refused. */
  retries: readonly [number, number] = [0, 0];
  private readonly onLoad: () => void;
  private loadText = '';
  private readonly lags: number[] = [];
  private model: Model | null = null;
  private problemsMoved = true;
  private isLooking = false;
  private timer: NodeJS.Timeout | null = null;
  private readonly unsubscribe: () => void;
  private told = { text: '', at: 0 };

  constructor(view: ControlView, { historyBytes, now = Date.now, onLoad = () => {} }: BoardOptions) {
    this.onLoad = onLoad;
    this.view = view;
    this.now = now;
    this.readers = new Readers(view);
    this.histories = new Histories(historyBytes);
    this.workers = new WorkerRows(view);
    this.events = new BoardEvents(now);
    this.entryPoints = view.entryPoints().map(({ name }) => new Counted(`entrypoint:${name}`, ALL_RANGES));
    this.unsubscribe = view.onChange(() => {
      this.problemsMoved = true;
    });
    this.verdict = new HeldLevel(now());
    this.findings = { level: 'starting', since: now(), title: '', lead: [], items: [], links: [] };
  }

  start(): void {
    hearEvents((event) => this.events.heard(event));
    this.events.started(this.view.version);
    void this.look();
    this.schedule();
  }

  stop(): void {
    hearEvents(null);
    this.unsubscribe();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.listeners.clear();
  }

  /** Keys have changed; what they mean comes with a model. */
  tookKeys(changes: readonly MergedChange[]): void {
    this.events.keys.took(changes);
  }

  /** Main's loop was so late, milliseconds; once a second. */
  sawLag(ms: number): void {
    this.lags.push(ms);
    if (this.lags.length > LAGS) this.lags.shift();
  }

  /** The worst of the last 10 s. */
  get lagMs(): number {
    return Math.max(0, ...this.lags);
  }

  /** What this node is asked: two digits of each are enough for others. */
  load(): { workers: readonly [number, number]; rate: number; e5: number | null } {
    const { steps, histories } = this;
    const { rate, e5 } = this.all.shares({ steps, histories, seconds: windowSeconds(steps) });
    const { serving, wanted } = workersOf(this);
    const short = (value: number) => Number(value.toPrecision(2));
    return { workers: [serving, wanted], rate: short(rate), e5: e5 === null ? null : short(e5) };
  }

  private tellLoad(): void {
    if (this.steps.count % LOAD_LOOKS !== 0) return;
    const text = JSON.stringify(this.load());
    if (text === this.loadText) return;
    this.loadText = text;
    this.onLoad();
  }

  private schedule(): void {
    const wait = STEP_MS - (this.now() % STEP_MS) + BEHIND_MS;
    this.timer = setTimeout(() => {
      this.schedule();
      this.look().catch((error: unknown) => tellOwnError('dashboard', error));
    }, timerSpan(wait)).unref();
  }

  /** Resolves when all was looked at. One at a time. */
  async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const now = this.now();
      this.steps.next(now);
      let began = performance.now();
      for (const _ of this.parts()) {
        if (performance.now() - began < SLICE_MS) continue;
        await after(timerSpan(REST_MS));
        began = performance.now();
      }
      this.judge();
      this.tellLoad();
    } finally {
      this.isLooking = false;
    }
    for (const listener of this.listeners) listener();
  }

  private *parts(): Generator<void> {
    const { view, readers, steps, histories } = this;
    const look: Look = { steps, histories, seconds: windowSeconds(steps) };
    yield* this.followModel();
    this.lookAtAll(look);
    this.workers.look(steps.count);
    yield;
    if (this.problemsMoved) {
      this.problemsMoved = false;
      this.problems.look(view.problems(), view.problemCount(), view.generation() > 0, steps.at);
      yield;
    }
    let [up, want] = [0, 0];
    let wallMoved = false;
    const counts = { failing: 0, impaired: 0, ok: 0, idle: 0 };
    const retries: [number, number] = [0, 0];
    const isWanted = (name: string): boolean => !view.frontendsOf(name)[Symbol.iterator]().next().done;
    for (const row of this.backends.values()) {
      const { letters } = row;
      const change = row.look(look, view, readers, isWanted);
      if (change !== null) this.events.rowChanged(change);
      if (row.letters !== letters) wallMoved = true;
      up += row.up;
      want += row.want;
      counts[row.state]++;
      if (row.counted.isRecent(steps)) {
        retries[0] += row.counted.rates.recent(steps.count, 'retries');
        retries[1] += row.counted.rates.recent(steps.count, 'refused');
      }
      yield;
    }
    this.servers = [up, want];
    this.states = counts;
    this.retries = retries;
    if (wallMoved) this.revisions.wall++;
    for (const row of this.frontends.values()) {
      row.look(look, readers);
      yield;
    }
  }

  private *followModel(): Generator<void> {
    const model = this.view.model();
    if (model === this.model) return;
    this.model = model;
    const { at } = this.steps;
    const backendsMoved = yield* follow(this.backends, model.backends, (backend) => new BackendRow(backend, at));
    const makeRow = (frontend: Frontend): FrontendRow => new FrontendRow(frontend, this.readers, at);
    const frontendsMoved = yield* follow(this.frontends, model.frontends, makeRow);
    if (!backendsMoved && !frontendsMoved) return;
    this.revisions.lists++;
    this.revisions.wall++;
  }

  private lookAtAll(look: Look): void {
    const { readers, all } = this;
    const { metrics } = readers;
    const open = metrics.openExchanges();
    this.inflight = open.reduce((sum, { value }) => sum + value, 0);
    const sums = new Float64Array(reading.length);
    for (const [index, counted] of this.entryPoints.entries()) {
      readers.entryPoint(index, reading);
      for (const [i, count] of reading.entries()) sums[i] += count;
      const inflight = open.reduce((sum, { entryPoint, value }) => (entryPoint === index ? sum + value : sum), 0);
      counted.look(look, reading, readers.latencyOf(index), inflight);
    }
    const latency = (into: Uint32Array): void => {
      for (const index of this.entryPoints.keys()) metrics.latency(index, into);
    };
    all.look(look, sums, latency, this.inflight);
  }

  private judge(): void {
    const { verdict, steps, view } = this;
    const generation = view.generation();
    if (view.settled()) this.unsettled = { generation, since: 0 };
    else if (this.unsettled.since === 0 || this.unsettled.generation !== generation)
      this.unsettled = { generation, since: steps.at };
    this.unsettledMs = this.unsettled.since === 0 ? 0 : steps.at - this.unsettled.since;
    this.hasServed ||= view.workers().some(({ state }) => state === 'serving');
    const facts = factsOf(this);
    const before = verdict.level;
    const changed = verdict.take(levelOf(facts), steps.at);
    const troubled = troubledOf(this, facts);
    this.troubles = troublesOf(troubled);
    this.findings = findingsOf(findingFacts(this, troubled));
    if (changed) this.events.verdictChanged(before, this.findings, steps.at);
    this.tellFindings();
  }

  /** Figures in them move all the time: where nothing else does, they are told anew after a while only. */
  private tellFindings(): void {
    const { steps, told } = this;
    const text = JSON.stringify(this.findings);
    if (text === told.text) return;
    const isOther = text.replace(/\d+/g, '') !== told.text.replace(/\d+/g, '');
    if (!isOther && steps.at - told.at < FINDINGS_MS) return;
    this.told = { text, at: steps.at };
    this.revisions.findings++;
  }
}

/** True when there is one more, one less, or one that is another. What changes meanwhile has its turn with the next model. */
function* follow<T extends { readonly name: string }, R extends { follow(thing: T): void }>(
  rows: Map<string, R & { readonly thing: T }>,
  things: ReadonlyMap<string, T>,
  make: (thing: T) => R & { readonly thing: T },
): Generator<void, boolean> {
  let moved = false;
  for (const [name, thing] of things) {
    yield;
    const row = rows.get(name);
    if (row?.thing === thing) continue;
    moved = true;
    if (row === undefined) rows.set(name, make(thing));
    else row.follow(thing);
  }
  for (const name of rows.keys()) {
    yield;
    if (things.has(name)) continue;
    moved = true;
    rows.delete(name);
  }
  return moved;
}
