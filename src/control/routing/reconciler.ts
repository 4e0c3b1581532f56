/**
 * Takes what the sources deliver and hands on models. A change that comes alone is taken at once; those that follow each other
 * become one model: it waits for a moment of quiet, but never longer than a few milliseconds.
 *
 *     sources ─▶ KvMerge ─▶ pending changes ─▶ (quiet, throttle) ─▶ ModelBuilder ─▶ onModel
 */

import { timerSpan } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { atOnce, type Steps } from '../../kernel/steps.ts';
import type { AliasState, ModelBuilder } from '../../model/build-model.ts';
import type { Model } from '../../model/model.ts';
import type { ModelUpdate } from '../../model/next-model.ts';
import type { Refusal } from '../../model/refusals.ts';
import { attempt } from '../guarded.ts';
import type { Change, Source, SourceName, SourceSink } from '../source/source.ts';
import type { KeyValues } from '../source/source-keys.ts';
import { KvMerge, type MergedChange, type MergedKey } from './kv-merge.ts';
import { type KeyChange, PendingChanges } from './pending-changes.ts';
import { tellProblems } from './problem-log.ts';
import { Slices } from './slices.ts';

/** What is new, different or gone since the model before. All are empty when only problems changed. */
export type ModelChange = Pick<ModelUpdate, 'backends' | 'frontends' | 'certificates'>;

export type ReconcilerOptions = {
  /** In order of precedence: the first one that has a key wins. */
  readonly sources: readonly Pick<Source, 'name' | 'status'>[];
  readonly builder: ModelBuilder;
  /** Whose turns the updates of the model take; absent: of its own. */
  readonly slices?: Slices;
  /** What the keys stand below, as the log says it. */
  readonly place?: string;
  /**
   * Called with the first model, even an empty one, and then with every one that differs from the one before. `since`:
   * performance.now() of the first change that it has.
   */
  readonly onModel: (model: Model, changed: ModelChange, since: number) => void;
  /** All that was received of these revisions is in the model from now on; before `onModel`, if that follows. */
  readonly onTaken?: (revisions: ReadonlyMap<SourceName, string>) => void;
  /** What has changed of the keys of all sources together, as they come. */
  readonly onKeys?: (changes: readonly MergedChange[]) => void;
  /** Which of the changes may be in force now; absent: all. */
  readonly admit?: (changes: Map<string, string | null>) => Steps<ReadonlyMap<string, string | null>>;
  /** The quiet that ends a batch. */
  readonly coalesceMs?: number;
  /** The longest time that a change waits for quiet; where it was quiet for so long, the next one does not wait at all. */
  readonly maxWaitMs?: number;
  /** The least time between two models (kv-schema §1.4); 0: no throttle. */
  readonly throttleMs?: number;
  /** How long the first model waits for a source that fails, from the first snapshot of any on. */
  readonly firstWaitMs?: number;
  /** The same for one that has not answered yet, but has not failed either: it may have very many keys. */
  readonly readingMs?: number;
  /** That time is over: once, before the first model is made without it. Whatever it recalls by then is in that model. */
  readonly onMissing?: () => Promise<void>;
};

/** After an error of ours. */
const RETRY_MS = 1_000;

type Begun = {
  /** As they came; once their turn has come, those of them that may be in force. */
  pending: PendingChanges;
  readonly alias: AliasState;
  /** performance.now() */
  readonly since: number;
  readonly revisions: ReadonlyMap<SourceName, string>;
  readonly before: Model;
};

export class Reconciler implements SourceSink {
  readonly #sources: readonly Pick<Source, 'name' | 'status'>[];
  readonly #builder: ModelBuilder;
  readonly #onModel: (model: Model, changed: ModelChange, since: number) => void;
  readonly #admit: ((changes: Map<string, string | null>) => Steps<ReadonlyMap<string, string | null>>) | null;
  readonly #onTaken: (revisions: ReadonlyMap<SourceName, string>) => void;
  readonly #onKeys: (changes: readonly MergedChange[]) => void;
  readonly #coalesceMs: number;
  readonly #maxWaitMs: number;
  readonly #throttleMs: number;
  #firstWaitMs: number;
  #readingMs: number;
  /** Called, or null for what nobody wants to know. */
  #onMissing: (() => Promise<void>) | null;
  #isRecalling = false;
  readonly #merge: KvMerge;
  readonly #place: string;
  readonly #heard = new Set<SourceName>();
  /** Of what each source has given. */
  readonly #revisions = new Map<SourceName, string>();
  readonly #slices: Slices;
  /** An update of the model is under way. */
  #isUpdating = false;
  /** It is, or has failed and will be repeated. */
  #isHalfWay = false;
  /** There is more to do behind it. */
  #isOutdated = false;
  /** What has changed since the last model. */
  readonly #pending = new PendingChanges();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The same, in this turn of the loop. */
  #soon: NodeJS.Immediate | undefined = undefined;
  /** For what is due though nothing changes. */
  #dueTimer: NodeJS.Timeout | undefined = undefined;
  #stopped = false;
  #hasRecalled = false;
  #published = false;
  /** It was told that there is no key. */
  #toldEmpty = false;
  /** `#aliasText()` of the last model. */
  #publishedAlias = '';
  // Times are milliseconds of performance.now(), which does not jump with the clock.
  #firstHeardAt = 0;
  #waitingSince = 0;
  #publishedAt = 0;
  /** Of the last update. */
  #begunAt = 0;

  constructor(options: ReconcilerOptions) {
    this.#sources = options.sources;
    this.#builder = options.builder;
    this.#onModel = options.onModel;
    this.#slices = options.slices ?? new Slices();
    this.#admit = options.admit ?? null;
    this.#onTaken = options.onTaken ?? (() => {});
    this.#onKeys = options.onKeys ?? (() => {});
    this.#coalesceMs = options.coalesceMs ?? 2;
    this.#maxWaitMs = options.maxWaitMs ?? 10;
    this.#throttleMs = options.throttleMs ?? 0;
    this.#firstWaitMs = options.firstWaitMs ?? 2000;
    this.#readingMs = Math.max(this.#firstWaitMs, options.readingMs ?? 8000);
    this.#onMissing = options.onMissing ?? null;
    this.#place = options.place ?? '';
    this.#merge = new KvMerge(options.sources.map((source) => source.name));
  }

  /** `takingSnapshot` at once. */
  snapshot(source: SourceName, revision: string, entries: KeyValues): void {
    atOnce(this.takingSnapshot(source, revision, entries));
  }

  /** `takingChanges` at once. */
  changes(source: SourceName, revision: string, changes: readonly Change[]): void {
    atOnce(this.takingChanges(source, revision, changes));
  }

  /** Takes them bit by bit; they are in a model all together. One taking after the other. */
  *takingSnapshot(source: SourceName, revision: string, entries: KeyValues): Steps<void> {
    if (this.#stopped) return;
    log.debug('Snapshot of keys', { source, revision, keys: entries.size });
    const changes = yield* this.#merge.replacing(source, entries);
    if (this.#heard.size === 0) this.#firstHeardAt = performance.now();
    this.#heard.add(source);
    this.#take(source, revision, changes);
  }

  /** The same. */
  *takingChanges(source: SourceName, revision: string, changes: readonly Change[]): Steps<void> {
    if (this.#stopped) return;
    log.debug('Changes of keys', { source, revision, keys: changes.length });
    const written = source === 'folder' ? null : Number(revision);
    this.#take(source, revision, yield* this.#merge.applying(source, changes, written));
  }

  /** Keys of an earlier run: in force at once, until that source gives its own. Whatever else there is comes when it comes. */
  recall(source: SourceName, revision: string, entries: KeyValues): void {
    this.snapshot(source, revision, entries);
    this.recalled();
  }

  /** The maps of the model show some objects as they were and some as they will be. */
  get isHalfWay(): boolean {
    return this.#isHalfWay;
  }

  /** What was remembered of sources has been taken as their snapshots. */
  recalled(): void {
    this.#hasRecalled = true;
    if (!this.#stopped) this.#schedule();
  }

  /** The revision of the source that was taken last, '' for none. */
  received(source: SourceName): string {
    return this.#revisions.get(source) ?? '';
  }

  /** All keys as they count, in no order. */
  keys(): Iterable<MergedKey> {
    return this.#merge.keys();
  }

  /** null: no source has it. */
  key(key: string): MergedKey | null {
    return this.#merge.key(key);
  }

  /** All keys of one source, live until they are replaced. */
  keysOf(source: SourceName): KeyValues {
    return this.#merge.keysOf(source);
  }

  /** A source that turns out to be absent is not waited for; what becomes of an alias is a matter of the model. */
  statusChanged(_source: SourceName): void {
    if (this.#stopped || this.#heard.size === 0) return;
    if (!this.#published || this.#aliasText() !== this.#publishedAlias) this.#schedule();
  }

  /** The first model waits for every source without limit: whoever has served until now goes on meanwhile. */
  waitForAll(): void {
    this.#firstWaitMs = Number.POSITIVE_INFINITY;
    this.#readingMs = Number.POSITIVE_INFINITY;
  }

  /** Ends it: nothing is handed on from here on. */
  stop(): void {
    this.#stopped = true;
    this.#unschedule();
    clearTimeout(this.#dueTimer);
  }

  /** There may be more to admit. */
  again(): void {
    if (!this.#stopped) this.#schedule();
  }

  /** Something beside the keys of `frontends/F` or `backends/B` has changed. */
  rebuild(object: string): void {
    if (this.#stopped) return;
    this.#builder.rebuild(object);
    this.#schedule();
  }

  /** No table can be made with these objects: the next model is without them. */
  refuse(refusals: readonly Refusal[]): void {
    if (this.#stopped || refusals.length === 0) return;
    this.#builder.refuse(refusals);
    this.#schedule();
  }

  #take(source: SourceName, revision: string, changes: readonly MergedChange[]): void {
    if (this.#stopped) return;
    this.#revisions.set(source, revision);
    this.#onKeys(changes);
    if (this.#pending.isEmpty) this.#waitingSince = performance.now();
    this.#pending.add(changes);
    this.#schedule();
  }

  #schedule(): void {
    const now = performance.now();
    let due = Math.min(now + this.#coalesceMs, this.#waitingSince + this.#maxWaitMs);
    if (this.#published) {
      if (this.#waitingSince - this.#begunAt >= this.#maxWaitMs) due = now;
      due = Math.max(due, this.#publishedAt + this.#throttleMs);
    } else if (this.#isRecalling) return;
    else if (!this.#heardAll()) due = Math.max(due, this.#firstHeardAt + this.#patienceMs());
    this.#unschedule();
    // A timer takes a millisecond at least.
    if (due <= now) this.#soon = setImmediate(() => this.#tryToPublish());
    else this.#timer = setTimeout(() => this.#tryToPublish(), timerSpan(due - now));
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
  }

  /** With the sources that have not answered. */
  #patienceMs(): number {
    return this.#missing().every((source) => source.status().error !== '') ? this.#firstWaitMs : this.#readingMs;
  }

  /** A v2 that is out of reach must not look like one without keys, or its routes would blink at every start. */
  #heardAll(): boolean {
    return this.#hasRecalled || this.#missing().length === 0;
  }

  #missing(): Pick<Source, 'name' | 'status'>[] {
    return this.#sources.filter((source) => !this.#heard.has(source.name) && source.status().state !== 'absent');
  }

  /** Whoever knows what they had says it. */
  async #askForMissing(onMissing: () => Promise<void>): Promise<void> {
    this.#onMissing = null;
    this.#isRecalling = true;
    try {
      await onMissing();
    } catch (error) {
      tellOwnError('reconciler', error);
    }
    this.#isRecalling = false;
    if (!this.#stopped) this.#schedule();
  }

  /** Sources with aliases of their own share the names of keys in messages: those of the first. */
  #alias(): { readonly tree: string | undefined; readonly problem: string } {
    const statuses = this.#sources.map((source) => source.status());
    const problems = statuses.flatMap(({ name, aliasProblem = '' }) =>
      aliasProblem === '' ? [] : [this.#sources.length === 1 ? aliasProblem : `${name}: ${aliasProblem}`],
    );
    return { tree: statuses.find(({ tree }) => tree !== undefined)?.tree, problem: problems.join('; ') };
  }

  #aliasText(): string {
    const { tree, problem } = this.#alias();
    return `${tree}\0${problem}`;
  }

  #tellWhetherEmpty(): void {
    const { isEmpty } = this.#merge;
    if (isEmpty === this.#toldEmpty) return;
    this.#toldEmpty = isEmpty;
    log.event(isEmpty ? EVENTS.noKeys : EVENTS.keysFound, this.#place, { prefix: this.#place });
  }

  #tryToPublish(): void {
    if (!this.#published && this.#onMissing !== null && !this.#heardAll()) {
      void this.#askForMissing(this.#onMissing);
      return;
    }
    clearTimeout(this.#dueTimer);
    this.#isOutdated = this.#isUpdating;
    if (this.#isUpdating) return;
    this.#isUpdating = true;
    this.#isHalfWay = true;
    this.#begunAt = performance.now();
    const begun = this.#begin();
    this.#slices.run(
      () => this.#steps(begun),
      (update) => {
        this.#isHalfWay = false;
        this.#ended();
        if (!this.#stopped) attempt('reconciler', () => this.#publish(update, begun));
      },
      (error) => {
        tellOwnError('reconciler', error);
        // The builder is told the same once more.
        this.#pending.putBack(begun.pending);
        this.#ended();
        if (!this.#stopped) this.#dueTimer = setTimeout(() => this.#tryToPublish(), RETRY_MS);
      },
    );
  }

  #ended(): void {
    this.#isUpdating = false;
    if (this.#isOutdated && !this.#stopped) this.#schedule();
    this.#isOutdated = false;
  }

  /** What there is to do; what comes from here on is for the next time. */
  #begin(): Begun {
    const since = !this.#pending.isEmpty ? this.#waitingSince : performance.now();
    const { tree, problem } = this.#alias();
    this.#publishedAlias = this.#aliasText();
    const pending = this.#pending.take();
    const alias = { ...(tree === undefined ? {} : { tree }), aliasProblem: problem };
    return { pending, alias, since, revisions: new Map(this.#revisions), before: this.#builder.model };
  }

  *#steps(begun: Begun): Steps<ModelUpdate> {
    const newest = yield* begun.pending.newest();
    const changes = this.#admit === null ? newest : yield* this.#admit(newest);
    begun.pending = PendingChanges.of(changes);
    return yield* this.#builder.updating(listed(changes), begun.alias);
  }

  #publish(update: ModelUpdate, { since, revisions, before }: Begun): void {
    const { dueInMs } = update;
    if (dueInMs !== null) this.#dueTimer = setTimeout(() => this.#tryToPublish(), timerSpan(dueInMs));
    this.#onTaken(revisions);
    tellProblems(update);
    this.#tellWhetherEmpty();
    if (this.#published && update.model === before) return;
    this.#published = true;
    this.#publishedAt = performance.now();
    attempt('new model', () => this.#onModel(update.model, update, since));
  }
}

function* listed(changes: ReadonlyMap<string, string | null>): Generator<KeyChange> {
  for (const [key, value] of changes) yield { key, value };
}
