/**
 * Do clients get answers? One word for all of it, from answers first and from checks second. Pure, and checked from the top:
 *
 *     outage ▸ starting ▸ degraded ▸ healthy
 */
import type { Level } from '../admin/ui-api/shapes.ts';

export type SourceFacts = {
  readonly name: string;
  readonly state: 'connecting' | 'live' | 'stale' | 'absent';
  /** It has given keys of its own since the start. */
  readonly wasLive: boolean;
  /** Routes of an earlier run stand in for its keys. */
  readonly isRemembered: boolean;
  /** For how long it has not answered, milliseconds. */
  readonly silentMs: number;
};

export type Facts = {
  readonly workers: { readonly serving: number; readonly wanted: number };
  /** Some worker has served, since the start. */
  readonly hasServed: boolean;
  /** Of all requests of the last 10 s: per second, and the share of 5xx. */
  readonly rate: number;
  readonly e5: number | null;
  /** Backends with servers, and those of them that fail. */
  readonly backends: number;
  readonly failing: number;
  /** Of all that fail, those without a server included. */
  readonly allFailing: number;
  readonly sources: readonly SourceFacts[];
  /** For how long a generation is not what every worker routes by, milliseconds; 0: it is. */
  readonly unsettledMs: number;
  readonly expiredCertificates: number;
};

const LEAST_RATE = 1;
const OUTAGE_E5 = 0.5;
const DEGRADED_E5 = 0.01;
export const STALE_MS = 30_000;
const UNSETTLED_MS = 10_000;

function share(facts: Facts): number {
  return facts.rate >= LEAST_RATE ? (facts.e5 ?? 0) : 0;
}

function isOut(facts: Facts): boolean {
  if (facts.workers.serving === 0 && facts.hasServed) return true;
  return share(facts) >= OUTAGE_E5 || (facts.backends > 0 && facts.failing === facts.backends);
}

function isStarting({ sources, hasServed }: Facts): boolean {
  return !hasServed || sources.every(({ wasLive, isRemembered }) => !wasLive && !isRemembered);
}

/** Old, gone, or never there while others are. */
export function isSilent({ state, wasLive, silentMs }: SourceFacts): boolean {
  if (state === 'absent') return wasLive;
  return state !== 'live' && silentMs > STALE_MS;
}

function isDegraded(facts: Facts): boolean {
  const { allFailing, sources, workers, unsettledMs, expiredCertificates } = facts;
  if (allFailing > 0 || share(facts) >= DEGRADED_E5 || sources.some(isSilent)) return true;
  return workers.serving < workers.wanted || unsettledMs > UNSETTLED_MS || expiredCertificates > 0;
}

export function levelOf(facts: Facts): Level {
  if (isOut(facts)) return 'outage';
  if (isStarting(facts)) return 'starting';
  return isDegraded(facts) ? 'degraded' : 'healthy';
}

const RANK: Readonly<Record<Level, number>> = { healthy: 0, starting: 1, degraded: 2, outage: 3 };
const BETTER_MS = 10_000;

/** A level as it is told: worse at once, better only after 10 s of better. */
export class HeldLevel {
  level: Level = 'starting';
  /** Unix milliseconds. */
  since: number;
  /** Since when it is better, and the worst that it was meanwhile; null: it is not. */
  private better: { readonly at: number; worst: Level } | null = null;

  constructor(now: number) {
    this.since = now;
  }

  /** True when it is another one now. */
  take(level: Level, now: number): boolean {
    if (level === this.level) {
      this.better = null;
      return false;
    }
    // What has started is no better than it was: it is what it is.
    if (this.level === 'starting' || RANK[level] > RANK[this.level]) return this.become(level, now);
    if (this.better === null) this.better = { at: now, worst: level };
    else if (RANK[level] > RANK[this.better.worst]) this.better.worst = level;
    return now - this.better.at >= BETTER_MS && this.become(this.better.worst, now);
  }

  private become(level: Level, now: number): true {
    this.level = level;
    this.since = now;
    this.better = null;
    return true;
  }
}
