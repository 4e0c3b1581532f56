/**
 * When each frontend was used last, as far as this node has watched: once a minute it takes the last hits from
 * src/shared/histograms.ts, and keeps them in a file where there is a place for one.
 *
 * Nothing is called unused for longer than it was watched: watching begins anew where nobody watched for a while (a restart
 * that took its time), and for each frontend when it is first seen.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Model } from '../../model/model.ts';
import { HistogramOwner, type HistogramReader } from '../../shared/histograms.ts';
import { readUsage, type Use, writeUsage } from './usage-file.ts';

export type UsageTimes = {
  readonly lookMs: number;
  readonly writeMs: number;
};

const TIMES: UsageTimes = { lookMs: 60_000, writeMs: 300_000 };
/** Seconds without a watcher after which it begins anew: a restart is shorter. */
const GAP_S = 600;
/** Of a frontend that has gone: it may come back. */
const KEPT_S = 86_400;
/** Frontends that are looked at in one turn of the loop. */
const SLICE = 1_000;

type Known = { first: number; last: number; seen: number };

export type FrontendUse = {
  readonly name: string;
  /** Seconds of Unix; 0: not since it is watched. */
  readonly last: number;
  /** Since when it is watched. */
  readonly since: number;
};

function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

export class FrontendUsage {
  /** Seconds of Unix: nothing is known of the time before, but for last hits. */
  since = nowS();
  private readonly model: () => Model;
  private readonly histograms: HistogramReader;
  private readonly path: string;
  private readonly times: UsageTimes;
  private readonly known = new Map<string, Known>();
  private looking: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private writtenAt = 0;
  /** A predecessor may write once more behind what was read at the start. */
  private hasWritten = false;
  private writing = Promise.resolve();
  private ending: Promise<void> | null = null;

  /** `path`: of its file, '' for none. */
  constructor(model: () => Model, histograms: HistogramReader, path: string, times: UsageTimes = TIMES) {
    this.model = model;
    this.histograms = histograms;
    this.path = path;
    this.times = times;
  }

  start(): void {
    this.writtenAt = performance.now();
    this.looking = this.recall().finally(() => {
      this.looking = null;
    });
    this.timer = setInterval(() => void this.step(), timerSpan(this.times.lookMs));
    this.timer.unref();
  }

  /** All frontends, as they are now. */
  async uses(): Promise<FrontendUse[]> {
    // What is under way may have begun before the last request.
    await this.looking;
    await this.look();
    const uses: FrontendUse[] = [];
    for (const name of this.model().frontends.keys()) {
      const known = this.known.get(name);
      if (known !== undefined) uses.push({ name, last: known.last, since: Math.max(known.first, this.since) });
    }
    return uses;
  }

  /** What is known is written. Nothing more afterwards. */
  stop(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private async end(): Promise<void> {
    if (this.timer === null) return;
    clearInterval(this.timer);
    await this.looking;
    await this.look();
    await this.write();
  }

  private async step(): Promise<void> {
    await this.look();
    if (performance.now() - this.writtenAt >= this.times.writeMs) await this.write();
  }

  /** Whoever asks while it looks shares that. */
  private look(): Promise<void> {
    this.looking ??= this.lookOnce()
      .catch((error: unknown) => tellOwnError('use of frontends', error))
      .finally(() => {
        this.looking = null;
      });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    let looked = 0;
    const now = nowS();
    for (const name of this.model().frontends.keys()) {
      if (++looked % SLICE === 0) await nextTurn();
      const last = this.histograms.lastHit(HistogramOwner.ofFrontend(name));
      const known = this.known.get(name);
      if (known === undefined) this.known.set(name, { first: now, last, seen: now });
      else {
        known.last = Math.max(known.last, last);
        known.seen = now;
      }
    }
    for (const [name, { seen }] of this.known) {
      if (++looked % SLICE === 0) await nextTurn();
      if (now - seen > KEPT_S) this.known.delete(name);
    }
  }

  private async recall(): Promise<void> {
    if (this.path === '') return;
    try {
      const memory = await readUsage(this.path);
      if (memory === null) return;
      const now = nowS();
      const isNew = now - memory.at > GAP_S || memory.at > now;
      if (!isNew) this.since = Math.min(memory.since, this.since);
      this.merge(memory.uses, now, isNew ? now : 0);
    } catch (error) {
      log.event(EVENTS.usageLost, '', { path: this.path, reason: reasonOf(error) });
    }
  }

  /** `least`: no frontend was watched before. */
  private merge(uses: ReadonlyMap<string, Use>, now: number, least: number): void {
    for (const [name, { first, last }] of uses) {
      const known = this.known.get(name);
      // A clock that was ahead when it was written keeps nothing in use for ever.
      const hit = Math.min(last, now);
      if (known === undefined) this.known.set(name, { first: Math.max(first, least), last: hit, seen: now });
      else {
        known.first = Math.min(known.first, Math.max(first, least));
        known.last = Math.max(known.last, hit);
      }
    }
  }

  private write(): Promise<void> {
    this.writtenAt = performance.now();
    if (this.path !== '') this.writing = this.writing.then(() => this.writeOnce());
    return this.writing;
  }

  private async writeOnce(): Promise<void> {
    try {
      if (!this.hasWritten) {
        const memory = await readUsage(this.path).catch(() => null);
        if (memory !== null) this.merge(memory.uses, nowS(), this.since);
        this.hasWritten = true;
      }
      await writeUsage(this.path, { since: this.since, at: nowS(), uses: this.known });
    } catch (error) {
      log.event(EVENTS.usageFailed, '', { path: this.path, reason: reasonOf(error) });
    }
  }
}
