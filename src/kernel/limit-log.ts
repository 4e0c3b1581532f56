import { EVENTS } from './events.ts';
import { log } from './log.ts';
import type { LogFields } from './log-line.ts';

const NO_FIELDS: LogFields = Object.freeze({});

export type LimitReached = {
  /** Which one, from a closed set of words. */
  readonly limit: string;
  /** What has reached it, from what is configured: never what a client sent. */
  readonly object: string;
  /** What it allows, or what there was when that was too much. */
  readonly value: number;
  /** What was refused or ended, in words; how much of it the log counts. */
  readonly what: string;
};

/**
 * What a limit does not allow was refused, `times` since the last call. One line per limit and object each minute has the sum.
 * `more`: fields, of which `setting` tells limits of one name apart.
 */
export function tellLimit(reached: LimitReached, more: LogFields = NO_FIELDS, times = 1): void {
  const { limit, object } = reached;
  const key = `${limit} ${object} ${more.setting ?? ''}`;
  log.event(EVENTS.limitReached, key, { ...reached, ...more }, EVENTS.limitReached.level, times);
}
