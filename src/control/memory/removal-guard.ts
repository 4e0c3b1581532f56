/**
 * Keeps a mass removal from being in force at once (`--guard.removal`, keys `guard/…`): leases that ran out together after
 * etcd had lost its leader, or a slip with `--recursive`, look like a change as any other. What would take away more than a
 * share of the frontends within a short time, or the last server of a backend that has requests, is held for a while; it
 * is in force then, or when somebody confirms it, and forgotten when the keys come back. Everything else passes.
 *
 *     changes ─▶ admit ─▶ those that may ─▶ model
 *                  └──▶ held ─▶ (grace, or guard/confirm) ─▶ model
 *                         └──▶ held-file.ts ─▶ (a restart) ─▶ held
 */
import { parseDuration, timerSpan } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { parseShare } from '../../kernel/share.ts';
import type { Steps } from '../../kernel/steps.ts';
import { GUARD_CONFIRM, GUARD_GRACE, GUARD_REMOVAL } from '../../model/guard-keys.ts';
import type { ObjectKeys } from '../../model/kv-tree.ts';
import type { BackendTraffic } from './backend-traffic.ts';

/** What comes within this time is one removal: leases run out one after the other. */
const TOGETHER_MS = 30_000;
const SERVER_URL = /^servers\/([^/]+)\/url$/;

export type GuardLimits = {
  /** Share of the frontends that may go, 0 to 1; null: all may. */
  readonly removal: number | null;
  readonly graceMs: number;
};

export type RemovalGuardOptions = {
  readonly limits: GuardLimits;
  /** Those of the model, before the changes. */
  readonly frontends: () => number;
  readonly keysOf: (kind: 'backends' | 'frontends' | 'certificates', name: string) => ObjectKeys;
  readonly traffic: Pick<BackendTraffic, 'has' | 'start' | 'stop'>;
  /** What is held may pass now: `admit` is to be called. */
  readonly onRelease: () => void;
  /** Of the status. */
  readonly onChange: () => void;
  /** Something else is held from now on, null for nothing. */
  readonly onHeld?: (held: HeldKeys | null) => void;
};

/** What is held, with all that is needed to hold it on. */
export type HeldKeys = {
  readonly reason: string;
  /** Unix milliseconds. */
  readonly since: number;
  readonly holdsAll: boolean;
  readonly backends: readonly string[];
  /** Deleted in the store, and the values that are in force. */
  readonly keys: ReadonlyMap<string, string>;
};

export type HeldStatus = {
  readonly reason: string;
  /** Unix milliseconds. */
  readonly since: number;
  readonly until: number;
  readonly keys: number;
  readonly frontends: number;
  readonly backends: number;
};

type Changes = ReadonlyMap<string, string | null>;

type Kind = 'backends' | 'frontends' | 'certificates';

/** What a key belongs to. */
function objectOf(key: string): { kind: Kind; name: string; rest: string } | null {
  const [, tree, name, rest] = /^(backends|frontends|tls)\/([^/]+)\/(.*)$/s.exec(key) ?? [];
  return tree === undefined ? null : { kind: tree === 'tls' ? 'certificates' : (tree as Kind), name, rest };
}

export class RemovalGuard {
  private readonly options: RemovalGuardOptions;
  private limits: GuardLimits;
  /** Deleted in the store, in force here with these values. */
  private readonly held = new Map<string, string>();
  /** What an earlier run has held; null: nothing, or it is held again. */
  private recalled: HeldKeys | null = null;
  private reason = '';
  /** Everything that is deleted is held, and not the servers of single backends only. */
  private holdsAll = false;
  private readonly backendsHeld = new Set<string>();
  private since = 0;
  private timer: NodeJS.Timeout | null = null;
  private released = false;
  // What went lately: frontends, and how many there were before the first of them.
  private wentAt = Number.NEGATIVE_INFINITY;
  private went = 0;
  private before = 0;

  constructor(options: RemovalGuardOptions) {
    this.options = options;
    this.limits = options.limits;
    this.watchTraffic();
  }

  /** null: nothing is held. */
  status(): HeldStatus | null {
    if (this.held.size === 0) return null;
    const names = { backends: new Set<string>(), frontends: new Set<string>(), certificates: new Set<string>() };
    for (const key of this.held.keys()) {
      const object = objectOf(key);
      if (object !== null) names[object.kind].add(object.name);
    }
    return {
      reason: this.reason,
      since: this.since,
      until: this.since + this.limits.graceMs,
      keys: this.held.size,
      frontends: names.frontends.size,
      backends: names.backends.size,
    };
  }

  /** Before the first `admit`: what an earlier run has held is held on, as far as its keys have not come back. */
  recall(held: HeldKeys): void {
    this.recalled = held;
  }

  /** What is held is in force with the next model. */
  confirm(): void {
    if (this.held.size > 0) this.release('confirmed');
  }

  stop(): void {
    this.options.traffic.stop();
    this.forgetTimer();
  }

  private forgetTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private watchTraffic(): void {
    const { traffic } = this.options;
    if (this.limits.removal === null) traffic.stop();
    else traffic.start();
  }

  /** Those of the changes, which become its own, that may be in force now, and what was held and is held no more; bit by bit. */
  *admit(changes: Map<string, string | null>): Steps<Changes> {
    this.obey(changes);
    const { removal } = this.limits;
    const { recalled } = this;
    this.recalled = null;
    if (removal === null && this.held.size === 0) {
      if (recalled !== null) this.options.onHeld?.(null);
      return changes;
    }
    let hasChanged = recalled !== null;
    for (const [key, value] of changes) {
      yield;
      if (value !== null && this.held.delete(key)) hasChanged = true;
    }
    const before = this.held.size;
    if (this.held.size === 0 && !this.released) this.end('the keys are back');
    if (recalled !== null) yield* this.holdOn(recalled, changes);
    if (this.released) yield* this.passHeld(changes);
    else if (removal !== null) yield* this.hold(changes, removal);
    if (hasChanged || this.held.size !== before) yield* this.tellHeld();
    return changes;
  }

  private *holdOn(
    { reason, since, holdsAll, backends, keys }: HeldKeys,
    passing: Map<string, string | null>,
  ): Steps<void> {
    const leftMs = since + this.limits.graceMs - Date.now();
    if (leftMs <= 0) return;
    for (const [key, value] of keys) {
      yield;
      if ((passing.get(key) ?? null) !== null) continue;
      passing.set(key, value);
      this.held.set(key, value);
    }
    if (this.held.size === 0) return;
    this.holdsAll = holdsAll;
    for (const name of backends) this.backendsHeld.add(name);
    this.begin(reason, {}, since, leftMs);
  }

  private *tellHeld(): Steps<void> {
    const { reason, since, holdsAll } = this;
    const keys = new Map<string, string>();
    for (const [key, value] of this.held) {
      yield;
      keys.set(key, value);
    }
    const backends = [...this.backendsHeld];
    this.options.onHeld?.(keys.size === 0 ? null : { reason, since, holdsAll, backends, keys });
  }

  private *passHeld(passing: Map<string, string | null>): Steps<void> {
    for (const key of this.held.keys()) {
      yield;
      passing.set(key, null);
    }
    this.held.clear();
    this.released = false;
    this.holdsAll = false;
    this.backendsHeld.clear();
    this.went = 0;
  }

  private *hold(passing: Map<string, string | null>, removal: number): Steps<void> {
    const gone = yield* this.goneFrontends(passing);
    const emptied = yield* this.emptiedBackends(passing);
    const now = performance.now();
    if (now - this.wentAt > TOGETHER_MS || this.went === 0) {
      this.went = 0;
      this.before = this.options.frontends();
    }
    const all = this.went + gone.size;
    if (gone.size > 0 && all > this.before * removal) {
      this.begin(`${all} of ${this.before} frontends would be gone`, { removed: all, of: this.before });
      this.holdsAll = true;
    }
    for (const backend of emptied) {
      if (this.holdsAll || !this.options.traffic.has(backend)) continue;
      this.begin(`backend ${backend}, which has requests, would be without a server`, { backend });
      this.backendsHeld.add(backend);
    }
    const holdsAll = this.holdsAll;
    const backends = new Set(this.backendsHeld);
    if (holdsAll || backends.size > 0) {
      for (const [key, value] of passing) {
        yield;
        if (value !== null) continue;
        const object = objectOf(key);
        if (object === null) continue;
        if (!holdsAll && !(object.kind === 'backends' && backends.has(object.name))) continue;
        passing.delete(key);
        // Of very many keys that mean nothing the values are not kept.
        this.held.set(key, this.options.keysOf(object.kind, object.name).get(object.rest) ?? '');
      }
    }
    if (holdsAll || gone.size === 0) return;
    this.went += gone.size;
    this.wentAt = now;
  }

  /** Frontends that would have no key any more. */
  private goneFrontends(passing: Changes): Steps<Set<string>> {
    return this.emptied('frontends', passing, () => true);
  }

  /** Backends that have servers and would have none. */
  private emptiedBackends(passing: Changes): Steps<Set<string>> {
    return this.emptied('backends', passing, (rest) => SERVER_URL.test(rest));
  }

  /** Objects that have keys that `counts`, and would have none of them any more. */
  private *emptied(
    kind: 'backends' | 'frontends',
    passing: Changes,
    counts: (rest: string) => boolean,
  ): Steps<Set<string>> {
    const emptied = new Set<string>();
    const filled = new Set<string>();
    for (const [key, value] of passing) {
      yield;
      const object = objectOf(key);
      if (object?.kind === kind && counts(object.rest)) (value === null ? emptied : filled).add(object.name);
    }
    for (const name of emptied) {
      yield;
      const keys = [...this.options.keysOf(kind, name).keys()].filter(counts);
      const stays = keys.some((rest) => this.remains(`${kind}/${name}/${rest}`, passing));
      if (keys.length === 0 || stays || filled.has(name)) emptied.delete(name);
    }
    return emptied;
  }

  private remains(key: string, passing: Changes): boolean {
    return !this.held.has(key) && passing.get(key) !== null;
  }

  private begin(
    reason: string,
    fields: { removed?: number; of?: number; backend?: string },
    since = Date.now(),
    graceMs = this.limits.graceMs,
  ): void {
    if (this.timer !== null) return;
    this.reason = reason;
    this.since = since;
    log.event(EVENTS.configHeld, '', { reason, ...fields, grace_ms: graceMs });
    this.options.onChange();
    this.timer = setTimeout(() => this.release('the grace time is over'), timerSpan(graceMs));
  }

  private release(why: string): void {
    this.end(why);
    this.released = true;
    this.options.onRelease();
  }

  private end(why: string): void {
    if (this.timer === null) return;
    this.forgetTimer();
    const { reason } = this;
    this.holdsAll = false;
    this.backendsHeld.clear();
    log.event(EVENTS.configReleased, '', { reason, because: why, keys: this.held.size });
    this.options.onChange();
  }

  /** Keys of the guard itself. What is no value was told as a problem of its key, and is as none. */
  private obey(changes: Changes): void {
    const removal = changes.get(GUARD_REMOVAL);
    if (removal !== undefined) {
      this.limits = { ...this.limits, removal: parseShare(removal ?? '') ?? this.options.limits.removal };
      this.watchTraffic();
    }
    const grace = changes.get(GUARD_GRACE);
    if (grace !== undefined) {
      this.limits = { ...this.limits, graceMs: parseDuration(grace ?? '') ?? this.options.limits.graceMs };
    }
    if ((changes.get(GUARD_CONFIRM) ?? '') !== '') this.confirm();
  }
}
