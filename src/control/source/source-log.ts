/**
 * Tells the log what becomes of the sources (shared/spec logs §3.3): a loss at once and each trouble once, whatever the
 * endpoint or the time in its words; again, as an error, when it has lasted a minute, and then every five. One for the
 * whole run: who reads the settings in the store and who follows the routes speak of the same stores.
 */
import { EVENTS, type LineLevel } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { kindOf } from '../kind-of-reason.ts';
import type { SourceName, SourceStatus } from './source.ts';

const ERROR_AFTER_MS = 60_000;
const AGAIN_MS = 300_000;
/** Different troubles of one outage that are told when they come up. */
const MOST_KINDS = 20;

class Told {
  isLive = false;
  /** performance.now(): of the beginning, the loss or the return. */
  since = performance.now();
  /** Of the trouble, null while there is none. */
  level: LineLevel | null = null;
  toldAt = 0;
  /** What was told of this outage, and of a trouble that leaves the source live. */
  readonly kinds = new Set<string>();
  keys = 0;
}

export class SourceLog {
  private readonly sources = new Map<SourceName, Told>();

  /** A source has given all its keys. */
  snapshot(name: SourceName, keys: number): void {
    this.of(name).keys = keys;
  }

  saw(status: SourceStatus): void {
    const told = this.of(status.name);
    if (status.state === 'live') this.sawLive(status, told);
    else if (status.error !== '') this.sawLost(status, told);
  }

  private of(name: SourceName): Told {
    let told = this.sources.get(name);
    if (told === undefined) {
      told = new Told();
      this.sources.set(name, told);
    }
    return told;
  }

  private sawLive({ name: source, revision, error }: SourceStatus, told: Told): void {
    if (!told.isLive) {
      const after_ms = Math.round(performance.now() - told.since);
      log.event(EVENTS.sourceLive, source, { source, revision, keys: told.keys, after_ms }, told.level ?? 'info');
      this.begin(told, true);
    }
    if (error !== '') {
      if (this.isNew(error, told)) log.event(EVENTS.sourceTrouble, source, { source, reason: error });
    } else if (told.kinds.size > 0) {
      told.kinds.clear();
      log.event(EVENTS.sourceEasy, source, { source });
    }
  }

  private sawLost({ name: source, revision, confirmedAt, error }: SourceStatus, told: Told): void {
    if (told.isLive) this.begin(told, false);
    const now = performance.now();
    const level = now - told.since >= ERROR_AFTER_MS ? 'error' : 'warning';
    const isDue = level !== told.level || now - told.toldAt >= AGAIN_MS;
    if (!this.isNew(error, told) && !isDue) return;
    told.level = level;
    told.toldAt = now;
    const stale_s = confirmedAt === 0 ? 0 : Math.round((Date.now() - confirmedAt) / 1_000);
    log.event(EVENTS.sourceLost, source, { source, last_revision: revision, stale_s, reason: error }, level);
  }

  private begin(told: Told, isLive: boolean): void {
    told.isLive = isLive;
    told.since = performance.now();
    told.level = null;
    told.kinds.clear();
  }

  private isNew(reason: string, { kinds }: Told): boolean {
    const kind = kindOf(reason);
    if (kinds.has(kind) || kinds.size >= MOST_KINDS) return false;
    kinds.add(kind);
    return true;
  }
}
