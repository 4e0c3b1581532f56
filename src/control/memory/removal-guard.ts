/**
 * Keeps a mass removal from being in force at once (`--guard.removal`, keys `guard/…`): leases that ran out together after
 * etcd had lost its leader, or a slip with `--recursive`, look like a change as any other. What would take away more than a
 * share of the frontends within a short time, or the last server of a backend that has requests, is held for a while; it
 * is in force then, or when somebody confirms it, and forgotten when the keys come back. Everything else passes.
 *
 *     changes ─▶ admit ─▶ those that may ─▶ model
 *                  └──▶ held ─▶ (grace, or guard/confirm) ─▶ model
 */
import { parseDuration, timerSpan } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { parseShare } from '../../kernel/share.ts';
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
  readonly keysOf: (kind: 'backends' | 'frontends', name: string) => ObjectKeys;
  readonly traffic: Pick<BackendTraffic, 'has' | 'start' | 'stop'>;
  /** What is held may pass now: `admit` is to be called. */
  readonly onRelease: () => void;
  /** Of the status. */
  readonly onChange: () => void;
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

/** What a key belongs to. */
function objectOf(key: string): { kind: 'backends' | 'frontends'; name: string; rest: string } | null {
  const [, kind, name, rest] = /^(backends|frontends)\/([^/]+)\/(.*)$/s.exec(key) ?? [];
  return kind === undefined ? null : { kind: kind as 'backends' | 'frontends', name, rest };
}

export class RemovalGuard {
  private readonly options: RemovalGuardOptions;
  private limits: GuardLimits;
  /** Deleted in the store, in force here. */
  private readonly held = new Set<string>();
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
    const names = { backends: new Set<string>(), frontends: new Set<string>() };
    for (const key of this.held) {
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

  /** Those of the changes that may be in force now, and what was held and is held no more. */
  admit(changes: Changes): Changes {
    this.obey(changes);
    const { removal } = this.limits;
    if (removal === null && this.held.size === 0) return changes;
    const passing = new Map(changes);
    for (const [key, value] of changes) if (value !== null) this.held.delete(key);
    if (this.held.size === 0 && !this.released) this.end('the keys are back');
    if (this.released) this.passHeld(passing);
    else if (removal !== null) this.hold(passing, removal);
    return passing;
  }

  private passHeld(passing: Map<string, string | null>): void {
    for (const key of this.held) passing.set(key, null);
    this.held.clear();
    this.released = false;
    this.holdsAll = false;
    this.backendsHeld.clear();
    this.went = 0;
  }

  private hold(passing: Map<string, string | null>, removal: number): void {
    const gone = this.goneFrontends(passing);
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
    for (const backend of this.emptiedBackends(passing)) {
      if (this.holdsAll || !this.options.traffic.has(backend)) continue;
      this.begin(`backend ${backend}, which has requests, would be without a server`, { backend });
      this.backendsHeld.add(backend);
    }
    for (const [key, value] of passing) {
      if (value !== null) continue;
      const object = objectOf(key);
      const isHeld = this.holdsAll
        ? object !== null || key.startsWith('tls/')
        : object?.kind === 'backends' && this.backendsHeld.has(object.name);
      if (!isHeld) continue;
      passing.delete(key);
      this.held.add(key);
    }
    if (this.holdsAll || gone.size === 0) return;
    this.went += gone.size;
    this.wentAt = now;
  }

  /** Frontends that would have no key any more. */
  private goneFrontends(passing: Changes): Set<string> {
    return this.emptied('frontends', passing, () => true);
  }

  /** Backends that have servers and would have none. */
  private emptiedBackends(passing: Changes): Set<string> {
    return this.emptied('backends', passing, (rest) => SERVER_URL.test(rest));
  }

  /** Objects that have keys that `counts`, and would have none of them any more. */
  private emptied(kind: 'backends' | 'frontends', passing: Changes, counts: (rest: string) => boolean): Set<string> {
    const emptied = new Set<string>();
    const filled = new Set<string>();
    for (const [key, value] of passing) {
      const object = objectOf(key);
      if (object?.kind === kind && counts(object.rest)) (value === null ? emptied : filled).add(object.name);
    }
    for (const name of emptied) {
      const keys = [...this.options.keysOf(kind, name).keys()].filter(counts);
      const stays = keys.some((rest) => this.remains(`${kind}/${name}/${rest}`, passing));
      if (keys.length === 0 || stays || filled.has(name)) emptied.delete(name);
    }
    return emptied;
  }

  private remains(key: string, passing: Changes): boolean {
    return !this.held.has(key) && passing.get(key) !== null;
  }

  private begin(reason: string, fields: { removed?: number; of?: number; backend?: string }): void {
    if (this.timer !== null) return;
    this.reason = reason;
    this.since = Date.now();
    const { graceMs } = this.limits;
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
