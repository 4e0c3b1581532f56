/**
 * The key sets (JWKS) that frontends need, kept fresh for the workers (shared/spec frontend-options §3.14): each is fetched as
 * soon as it is needed, when it has become old, and when a worker meets a token with an unknown key, but then at most once a
 * minute. What cannot be fetched stays as it was for a day, and is a problem of the keys that name it until it can.
 */
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS, type LineLevel } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { type Problem, shownKey } from '../../kernel/problems.ts';
import type { NeededKeySet, OptionSet } from '../../middlewares/kind.ts';
import { keySetsOf } from '../../middlewares/kinds.ts';
import type { KeySet } from '../../protocol/messages.ts';
import { guarded } from '../guarded.ts';
import type { FetchedKeySet } from './fetch-key-set.ts';

const DEFAULT_AGE_MS = 3_600_000;
const LEAST_AGE_MS = 300_000;
const MOST_AGE_MS = 86_400_000;
/** After a failure; doubles with each further one. */
const RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** Keys are used for so long after they were fetched. */
const KEPT_MS = 86_400_000;
/** Between fetches that unknown keys ask for. */
const ASKED_MS = 60_000;

import { kindOf } from '../kind-of-reason.ts';

export type KeySetsOptions = {
  /** Of all keys, without a slash at its end. */
  readonly prefix: string;
  /** Problems have changed. */
  readonly onProblems: () => void;
  /** @throws Error when it cannot be had */
  readonly fetch: (url: string) => Promise<FetchedKeySet>;
  /** For all workers. */
  readonly onChange: (changed: readonly KeySet[], removed: readonly string[]) => void;
  /** The answer to one worker. */
  readonly onAnswer: (worker: number, changed: readonly KeySet[], removed: readonly string[]) => void;
  /** Milliseconds, of a clock that never jumps. Absent: that of the process. */
  readonly now?: () => number;
};

type Followed = {
  readonly url: string;
  /** Frontends that need it → the key, below each, that names it. */
  readonly users: Map<string, string>;
  /** Why it could not be fetched the last time, '' when it could. */
  reason: string;
  keys: KeySet['keys'];
  /** Was it ever fetched, or tried to be? */
  isKnown: boolean;
  /** Of `keys`, 0 for none. */
  fetchedAt: number;
  beganAt: number;
  failures: number;
  /** Its trouble as the log was told of it; null: it has none. */
  told: { readonly level: LineLevel; readonly kind: string } | null;
  isFetching: boolean;
  timer: NodeJS.Timeout | null;
  /** Workers that wait for news. */
  readonly askers: Set<number>;
};

/** For the log: a query may hold a secret. */
function shownUrl(url: string): string {
  return url.replace(/\?.*$/, '');
}

export class KeySets {
  private readonly options: KeySetsOptions;
  private readonly now: () => number;
  private readonly followed = new Map<string, Followed>();
  private readonly wantedBy = new Map<string, readonly NeededKeySet[]>();
  /** null: to be found anew. */
  private problemsByKey: Map<string, Problem> | null = null;
  private stopped = false;

  constructor(options: KeySetsOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
  }

  /** These frontends have changed. */
  follow(frontends: ReadonlyMap<string, { readonly options: OptionSet }>, changed: Iterable<string>): void {
    for (const name of changed) {
      const wanted = keySetsOf(frontends.get(name)?.options ?? {});
      const before = this.wantedBy.get(name) ?? [];
      for (const needed of wanted) this.need(needed, name);
      for (const { url } of before) if (!wanted.some((each) => each.url === url)) this.spare(url, name);
      if (wanted.length > 0) this.wantedBy.set(name, wanted);
      else this.wantedBy.delete(name);
      if (wanted.length + before.length > 0) this.problemsByKey = null;
    }
  }

  /** Of the frontends whose keys could not be fetched the last time. */
  problems(): ReadonlyMap<string, Problem> {
    this.problemsByKey ??= this.findProblems();
    return this.problemsByKey;
  }

  private findProblems(): Map<string, Problem> {
    const problems = new Map<string, Problem>();
    for (const { reason, keys, users } of this.followed.values()) {
      if (reason === '') continue;
      const effect =
        keys.length > 0 ? 'those that were there before count for a day' : 'whoever brings a token gets 503';
      for (const [name, path] of users) {
        const key = shownKey(`${this.options.prefix}/frontends/${name}/${path}`);
        problems.set(key, { key, state: 'warned', reason: `its keys cannot be fetched (${reason}); ${effect}` });
      }
    }
    return problems;
  }

  /** What a worker that boots begins with. */
  published(): KeySet[] {
    return [...this.followed.values()].filter(({ isKnown }) => isKnown).map(({ url, keys }) => ({ url, keys }));
  }

  /** A worker has met a token with a key that is not in the set. */
  asked(worker: number, url: string): void {
    const set = this.followed.get(url);
    if (set === undefined) {
      this.options.onAnswer(worker, [], [url]);
    } else if (set.isFetching || this.now() - set.beganAt >= ASKED_MS) {
      set.askers.add(worker);
      this.fetch(set);
    } else {
      this.options.onAnswer(worker, [{ url, keys: set.keys }], []);
    }
  }

  stop(): void {
    this.stopped = true;
    for (const { timer } of this.followed.values()) if (timer !== null) clearTimeout(timer);
  }

  private need({ key, url }: NeededKeySet, user: string): void {
    let set = this.followed.get(url);
    if (set === undefined) {
      set = {
        url,
        users: new Map(),
        reason: '',
        keys: [],
        isKnown: false,
        fetchedAt: 0,
        beganAt: 0,
        failures: 0,
        told: null,
        isFetching: false,
        timer: null,
        askers: new Set(),
      };
      this.followed.set(url, set);
      this.fetch(set);
    }
    set.users.set(user, key);
  }

  private spare(url: string, user: string): void {
    const set = this.followed.get(url);
    set?.users.delete(user);
    if (set === undefined || set.users.size > 0) return;
    if (set.timer !== null) clearTimeout(set.timer);
    this.followed.delete(url);
    this.options.onChange([], [url]);
  }

  private fetch(set: Followed): void {
    if (set.isFetching || this.stopped) return;
    set.isFetching = true;
    set.beganAt = this.now();
    if (set.timer !== null) clearTimeout(set.timer);
    set.timer = null;
    const { url } = set;
    const settled = guarded('key set', (fetched: FetchedKeySet | null, reason: string) => {
      set.isFetching = false;
      // Nobody needs it any more.
      if (this.stopped || this.followed.get(url) !== set) return;
      const wait = fetched === null ? this.failed(set, reason) : this.came(set, fetched);
      this.problemsByKey = null;
      if (set.reason !== reason) {
        set.reason = reason;
        this.options.onProblems();
      }
      set.timer = setTimeout(() => this.fetch(set), timerSpan(wait)).unref();
    });
    this.options.fetch(url).then(
      (fetched) => settled(fetched, ''),
      (error: unknown) => settled(null, reasonOf(error)),
    );
  }

  /** Returns when it is to be fetched again, milliseconds. */
  private came(set: Followed, { keys, maxAge }: FetchedKeySet): number {
    if (set.told !== null) {
      log.event(EVENTS.keySetLive, set.url, { url: shownUrl(set.url), keys: keys.length }, set.told.level);
    }
    set.told = null;
    set.failures = 0;
    set.fetchedAt = this.now();
    this.publish(set, keys);
    return maxAge === null ? DEFAULT_AGE_MS : Math.min(Math.max(maxAge * 1000, LEAST_AGE_MS), MOST_AGE_MS);
  }

  private failed(set: Followed, reason: string): number {
    const stale = this.now() - set.fetchedAt;
    const isOver = set.keys.length === 0 || stale >= KEPT_MS;
    const fields = {
      url: shownUrl(set.url),
      reason,
      ...(set.keys.length > 0 && { stale_s: Math.round(stale / 1000) }),
    };
    const trouble = { level: isOver ? 'error' : 'warning', kind: kindOf(reason) } as const;
    if (set.told?.level !== trouble.level || set.told.kind !== trouble.kind) {
      log.event(EVENTS.keySetLost, set.url, fields, trouble.level);
    }
    set.told = trouble;
    this.publish(set, isOver ? [] : set.keys);
    return Math.min(RETRY_MS * 2 ** set.failures++, LONGEST_RETRY_MS);
  }

  private publish(set: Followed, keys: KeySet['keys']): void {
    const { url, askers } = set;
    const isNew = !set.isKnown || JSON.stringify(keys) !== JSON.stringify(set.keys);
    set.keys = keys;
    set.isKnown = true;
    if (isNew) this.options.onChange([{ url, keys }], []);
    else for (const worker of askers) this.options.onAnswer(worker, [{ url, keys }], []);
    askers.clear();
  }
}
