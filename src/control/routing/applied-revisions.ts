/**
 * Which revision of each source every worker routes by, and who waits for one.
 *
 *     source ─▶ received ─▶ took (a model was made of it) ─▶ told (a table is made of that) ─▶ applied (by all workers)
 *
 * A revision that changes no route is applied as soon as a model was made of it and no older table is on its way; one that
 * touches nothing of ours as soon as the source has heard of it, and all that it gave before is applied.
 */
import { timerSpan } from '../../kernel/durations.ts';
import type { SourceName } from '../source/source.ts';

export type Revisions = ReadonlyMap<SourceName, string>;

const NONE: Revisions = new Map();
/** Who asks for more than that is refused. */
const MOST_WAITING = 256;

type Waiting = { readonly source: SourceName; readonly revision: number; readonly done: (isApplied: boolean) => void };

function reaches(revisions: Revisions, source: SourceName, revision: number): boolean {
  const text = revisions.get(source) ?? '';
  return text !== '' && Number(text) >= revision;
}

/** What is followed, as far as it matters here. */
export type Followed = {
  /** Up to which revision there is nothing but what the source has given, by source. */
  readonly heard: () => Revisions;
  /** The revision that a source has given last. */
  readonly received: (source: SourceName) => string;
};

const NOBODY: Followed = { heard: () => NONE, received: () => '' };

export class AppliedRevisions {
  private readonly followed: Followed;
  private newest: Revisions = NONE;
  /** By generation, the oldest first: what its table was made of. */
  private readonly told = new Map<number, Revisions>();
  private appliedNow: Revisions = NONE;
  private readonly waiting = new Set<Waiting>();

  constructor(followed = NOBODY) {
    this.followed = followed;
  }

  get applied(): Revisions {
    return this.appliedNow;
  }

  /** The same, and what comes behind it that touches nothing of ours. */
  get upTo(): Revisions {
    const upTo = new Map(this.appliedNow);
    for (const [source, revision] of this.followed.heard()) {
      if (upTo.get(source) === this.followed.received(source)) upTo.set(source, revision);
    }
    return upTo;
  }

  /** A model was made of these. */
  took(revisions: Revisions): void {
    this.newest = revisions;
  }

  /** The table of that generation is made of the newest model. */
  tell(generation: number): void {
    this.told.set(generation, this.newest);
  }

  /** Every worker routes by `generation`, 0 for none. `isBusy`: a newer table is on its way. */
  settle(generation: number, isBusy: boolean): void {
    let applied: Revisions | null = null;
    for (const [number, revisions] of this.told) {
      if (number > generation) break;
      applied = revisions;
      this.told.delete(number);
    }
    if (!isBusy && this.told.size === 0 && generation > 0) applied = this.newest;
    if (applied === null || applied === this.appliedNow) return;
    this.appliedNow = applied;
    this.look();
  }

  /** A source may have heard of more. */
  look(): void {
    if (this.waiting.size === 0) return;
    const { upTo } = this;
    for (const waiting of this.waiting) {
      if (!reaches(upTo, waiting.source, waiting.revision)) continue;
      this.waiting.delete(waiting);
      waiting.done(true);
    }
  }

  /** True as soon as that revision is applied, false when it was not in time; null: too many wait already. */
  wait(source: SourceName, revision: number, ms: number): Promise<boolean> | null {
    if (reaches(this.upTo, source, revision)) return Promise.resolve(true);
    if (ms === 0) return Promise.resolve(false);
    if (this.waiting.size >= MOST_WAITING) return null;
    return new Promise((resolve) => {
      const waiting: Waiting = { source, revision, done: (isApplied) => end(isApplied) };
      const timer = setTimeout(() => end(false), timerSpan(ms));
      const end = (isApplied: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(waiting);
        resolve(isApplied);
      };
      this.waiting.add(waiting);
    });
  }

  /** Nobody waits any more. */
  stop(): void {
    for (const { done } of [...this.waiting]) done(false);
  }
}
