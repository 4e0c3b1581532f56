/**
 * Servers whose lease ran out, without anybody having deleted them: they may have died, or etcd has had trouble and they
 * serve as before. So each is a last resort (`data/balancing/rotation.ts`) until one of these happens:
 *
 *     suspect ──its keys are written again──▶ a server as any other
 *        ├─────somebody deletes its keys────▶ gone
 *        ├─────it does not serve────────────▶ gone       its health check is bad, or requests or connections fail
 *        └─────its time is over─────────────▶ gone       --guard.suspect, or the key guard/suspect
 *
 * Who gets requests and answers them serves; whoever else is asked for a connection from time to time.
 */
import { parseDuration } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { GUARD_SUSPECT } from '../../model/guard-keys.ts';
import type { Backend, Model, Server } from '../../model/model.ts';
import { guarded } from '../guarded.ts';
import type { Change, SourceName } from '../source/source.ts';
import type { KeyValues } from '../source/source-keys.ts';
import { type LetGo, SuspectKeys, type SuspectName, suspectId } from './suspect-keys.ts';

const LOOK_MS = 250;
/** Between two looks at one that serves: growing from the first to the second. */
const SOONEST_MS = 1_000;
const LATEST_MS = 5_000;
/** Looks in a row at one that does not serve. */
const MOST_FAILURES = 2;
const CONNECT_MS = 2_000;
/** Connections that are asked for at a time. */
const MOST_AT_ONCE = 64;
/** Of those that the status lists. */
const MOST_LISTED = 100;

/** What is known of a server that serves. */
export type Evidence = {
  /** Its health check says so. */
  readonly isDown: boolean;
  /** Requests fail. */
  readonly isFailing: boolean;
  /** Good answers until now. */
  readonly good: number;
};

export type SuspectOutcome = 'returned' | 'deleted' | 'failed' | 'time';

export type SuspectsOptions = {
  /** How long one is kept at most, 0 for not at all. */
  readonly limitMs: number;
  readonly model: () => Model;
  readonly keysOf: (source: SourceName) => KeyValues;
  readonly sources: readonly SourceName[];
  readonly backendOf: (frontend: string) => string;
  readonly evidenceOf: (backend: Backend, server: Server) => Evidence;
  /** '' when a connection comes about, else why not. Never rejects. */
  readonly connect: (server: Server, timeoutMs: number) => Promise<string>;
  /** That backend is to be built anew. */
  readonly onMark: (backend: string) => void;
  /** These deletions are in force from now on. */
  readonly onGone: (source: SourceName, changes: readonly Change[]) => void;
  /** Sources have given more than `given` and `reread` have been told: nobody is given up until they were. */
  readonly isBehind?: () => boolean;
  /** Of the status. */
  readonly onChange: () => void;
};

/** For the status. */
export type SuspectView = SuspectName & {
  readonly url: string;
  /** Unix milliseconds. */
  readonly since: number;
  readonly until: number;
};

export type SuspectsStatus = {
  readonly count: number;
  /** The first of them. */
  readonly servers: readonly SuspectView[];
  /** Since the start, by what became of them. */
  readonly outcomes: Readonly<Record<SuspectOutcome, number>>;
};

class Suspect {
  readonly name: SuspectName;
  /** performance.now() */
  readonly since: number;
  readonly sinceDate = Date.now();
  /** performance.now() of the next look. */
  due: number;
  pauseMs = SOONEST_MS;
  failures = 0;
  good = -1;
  isAsked = false;

  constructor(name: SuspectName, now: number) {
    this.name = name;
    this.since = now;
    this.due = now;
  }
}

export class Suspects {
  private readonly options: SuspectsOptions;
  private readonly keys: SuspectKeys;
  private readonly suspects = new Map<string, Suspect>();
  private readonly outcomes: Record<SuspectOutcome, number> = { returned: 0, deleted: 0, failed: 0, time: 0 };
  private limitMs: number;
  private timer: NodeJS.Timeout | null = null;
  private underWay = 0;

  constructor(options: SuspectsOptions) {
    this.options = options;
    this.limitMs = options.limitMs;
    const { sources, keysOf, backendOf } = options;
    this.keys = new SuspectKeys({
      isElsewhere: (source, key) => sources.some((other) => other !== source && keysOf(other).has(key)),
      backendOf,
      onSuspect: (name) => this.begin(name),
      onSettled: (name, outcome) => this.end(name, outcome, ''),
    });
  }

  readonly isSuspect = (backend: string, server: string): boolean => this.keys.isSuspect({ backend, server });

  /** Is that key in force although its lease ran out? */
  keeps(source: SourceName, key: string): boolean {
    return this.keys.keeps(source, key);
  }

  status(): SuspectsStatus {
    const servers: SuspectView[] = [];
    for (const { name, sinceDate } of this.suspects.values()) {
      if (servers.length === MOST_LISTED) break;
      const url = this.find(name)?.server.url ?? '';
      servers.push({ ...name, url, since: sinceDate, until: sinceDate + this.limitMs });
    }
    return { count: this.suspects.size, servers, outcomes: { ...this.outcomes } };
  }

  /** Of a batch of a source what may be in force now. */
  given(source: SourceName, changes: readonly Change[]): readonly Change[] {
    if (this.limitMs === 0 && this.keys.isEmpty) return changes;
    const passing = this.keys.given(source, changes, performance.now());
    this.keepLooking();
    return passing;
  }

  /**
   * A source has given all its keys, which are to be in force next. Returns what stays beside them.
   * `expired`: as in SourceSink.
   */
  reread(source: SourceName, entries: KeyValues, expired: ReadonlySet<string>): Change[] {
    const had = this.options.keysOf(source);
    const lost = this.limitMs === 0 ? [] : [...expired].filter((key) => had.has(key));
    const stay = Array.from(this.keys.reread(source, entries, lost, performance.now()));
    this.keepLooking();
    return stay.map((key) => ({ key, value: had.get(key)! }));
  }

  /** Keys that are in force now. What is no value was told as a problem of its key, and is as none. */
  obey(changes: ReadonlyMap<string, string | null>): void {
    const limit = changes.get(GUARD_SUSPECT);
    if (limit !== undefined) this.limitMs = parseDuration(limit ?? '') ?? this.options.limitMs;
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private keepLooking(): void {
    if (this.keys.isEmpty || this.timer !== null) return;
    this.timer = setInterval(
      guarded('suspects', () => this.look()),
      LOOK_MS,
    ).unref();
  }

  private begin(name: SuspectName): void {
    if (this.suspects.has(suspectId(name))) return;
    this.suspects.set(suspectId(name), new Suspect(name, performance.now()));
    const { backend, server } = name;
    log.event(EVENTS.serverSuspect, '', { backend, server, url: this.find(name)?.server.url ?? '' });
    this.options.onMark(backend);
    this.options.onChange();
  }

  private end(name: SuspectName, outcome: SuspectOutcome, reason: string): void {
    const suspect = this.suspects.get(suspectId(name));
    if (suspect === undefined || !this.suspects.delete(suspectId(name))) return;
    this.outcomes[outcome]++;
    const after_ms = Math.round(performance.now() - suspect.since);
    const fields = { backend: name.backend, server: name.server, after_ms };
    if (outcome === 'returned') log.event(EVENTS.serverTrusted, '', fields);
    else log.event(EVENTS.serverGivenUp, '', { ...fields, outcome, reason });
    this.options.onMark(name.backend);
    this.options.onChange();
  }

  private find({ backend: name, server }: SuspectName): { backend: Backend; server: Server } | null {
    const backend = this.options.model().backends.get(name);
    const found = backend?.servers.find((each) => each.name === server);
    return backend === undefined || found === undefined ? null : { backend, server: found };
  }

  private look(): void {
    if (this.options.isBehind?.() === true) return;
    const now = performance.now();
    for (const suspect of this.suspects.values()) {
      if (suspect.due > now || suspect.isAsked || this.underWay >= MOST_AT_ONCE) continue;
      suspect.isAsked = true;
      this.underWay++;
      void this.judge(suspect)
        .catch((error: unknown) => tellOwnError('suspects', error))
        .finally(() => {
          suspect.isAsked = false;
          this.underWay--;
        });
    }
    this.giveUp(this.keys.sweep(now));
    if (!this.keys.isEmpty) return;
    this.stop();
  }

  private async judge(suspect: Suspect): Promise<void> {
    const { name } = suspect;
    const found = this.find(name);
    const late = performance.now() - suspect.since >= this.limitMs;
    if (found === null || late) {
      this.letGo(suspect, found === null ? 'deleted' : 'time', found === null ? 'no backend has it by this name' : '');
      return;
    }
    const { isDown, isFailing, good } = this.options.evidenceOf(found.backend, found.server);
    let reason = isDown ? 'its health check is bad' : isFailing ? 'requests fail' : '';
    const serves = reason === '' && suspect.good >= 0 && good !== suspect.good;
    suspect.good = good;
    if (reason === '' && !serves) reason = await this.options.connect(found.server, CONNECT_MS);
    if (!this.suspects.has(suspectId(name)) || this.options.isBehind?.() === true) return;
    if (reason === '') {
      suspect.failures = 0;
      suspect.due = Math.min(performance.now() + suspect.pauseMs, suspect.since + this.limitMs);
      suspect.pauseMs = Math.min(2 * suspect.pauseMs, LATEST_MS);
    } else if (isDown || ++suspect.failures >= MOST_FAILURES) this.letGo(suspect, 'failed', reason);
  }

  private letGo({ name }: Suspect, outcome: SuspectOutcome, reason: string): void {
    const gone = this.keys.letGo(name);
    this.end(name, outcome, reason);
    this.giveUp(gone);
  }

  private giveUp(gone: LetGo): void {
    for (const [source, changes] of gone) this.options.onGone(source, changes);
  }
}
