/**
 * `drr`: weights that follow how often servers fail, as Traefik 1.7 computes them (shared/spec kv-schema §4.1). Of each
 * server the share of answers with 500 to 504 (or none) in the last 10 s is its rating. While some servers are much worse
 * than the median, the others get four times their weight, again and again; afterwards all return to what is configured.
 */
import { greatestCommonDivisor } from '../../table/schedule.ts';

const BUCKETS = 10;
/** Seconds between two changes. */
const PAUSE = 10;
const FACTOR = 4;
const MAX_WEIGHT = 4096;
const TOLERANCE = 1.5;

/** What one server did in one second. */
export type Second = { readonly good: number; readonly bad: number };

export type DrrServer = {
  /** As configured. */
  readonly weight: number;
  /** The last ten seconds, the newest last. */
  readonly seconds: readonly Second[];
};

function median(values: readonly number[]): number {
  // With an even number the original adds a 0 first, so that there is a middle.
  const sorted = (values.length % 2 === 0 ? [...values, 0] : [...values]).sort((a, b) => a - b);
  return sorted[(sorted.length - 1) / 2];
}

/** The ratings that are much worse than the others. */
export function badRatings(ratings: readonly number[]): boolean[] {
  const middle = median(ratings);
  const deviation = median(ratings.map((rating) => Math.abs(rating - middle)));
  return ratings.map((rating) => rating > TOLERANCE * (middle + deviation));
}

function normalized(weights: readonly number[]): number[] {
  const divisor = weights.reduce((common, weight) => greatestCommonDivisor(common, weight), 0);
  return divisor < 2 ? [...weights] : weights.map((weight) => weight / divisor);
}

function ratingOf({ seconds }: DrrServer): number {
  let good = 0;
  let bad = 0;
  for (const second of seconds) {
    good += second.good;
    bad += second.bad;
  }
  return good + bad === 0 ? 0 : bad / (good + bad);
}

function samples({ seconds }: DrrServer): number {
  let count = 0;
  for (const { good, bad } of seconds) count += (good > 0 ? 1 : 0) + (bad > 0 ? 1 : 0);
  return count;
}

/** The weights that follow `current`; `current` itself when nothing changes. */
export function nextWeights(servers: readonly DrrServer[], current: readonly number[]): readonly number[] {
  if (servers.length < 2 || servers.some((server) => samples(server) < BUCKETS)) return current;
  const bad = badRatings(servers.map(ratingOf));
  if (bad.includes(true) && bad.includes(false)) {
    return normalized(current.map((weight, i) => (bad[i] || weight * FACTOR > MAX_WEIGHT ? weight : weight * FACTOR)));
  }
  if (current.every((weight, i) => weight === servers[i].weight)) return current;
  return normalized(current.map((weight, i) => Math.max(Math.floor(weight / FACTOR), servers[i].weight)));
}

/** The drr of one backend; servers are told by their slots. */
export class Drr {
  private readonly known = new Map<number, { ended: number; bad: number; seconds: Second[] }>();
  private current = new Map<number, number>();
  private sinceChange = 0;

  /** By slot; a server that is not known has its configured weight. */
  weight(slot: number, configured: number): number {
    return this.current.get(slot) ?? configured;
  }

  /** A second has passed. `ended` and `bad`: counts since start, modulo 2³². True when weights have changed. */
  second(servers: readonly { slot: number; weight: number; ended: number; bad: number }[]): boolean {
    for (const slot of this.known.keys()) if (!servers.some((server) => server.slot === slot)) this.known.delete(slot);
    for (const { slot, ended, bad } of servers) this.count(slot, ended, bad);
    this.sinceChange++;
    if (this.sinceChange < PAUSE) return false;
    const current = servers.map(({ slot, weight }) => this.weight(slot, weight));
    const rated = servers.map(({ slot, weight }) => ({ weight, seconds: this.known.get(slot)!.seconds }));
    const next = nextWeights(rated, current);
    if (next === current || next.every((weight, i) => weight === current[i])) return false;
    this.current = new Map(servers.map(({ slot }, i) => [slot, next[i]]));
    this.sinceChange = 0;
    return true;
  }

  /** Servers or weights are others than before: it begins anew with what is configured. */
  reset(): void {
    this.current.clear();
    this.sinceChange = 0;
  }

  private count(slot: number, ended: number, bad: number): void {
    const known = this.known.get(slot);
    if (known === undefined) {
      this.known.set(slot, { ended, bad, seconds: [] });
      return;
    }
    const failed = (bad - known.bad) >>> 0;
    const all = (ended - known.ended) >>> 0;
    known.seconds.push({ good: Math.max(0, all - failed), bad: failed });
    if (known.seconds.length > BUCKETS) known.seconds.shift();
    known.ended = ended;
    known.bad = bad;
  }
}
