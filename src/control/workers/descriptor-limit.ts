/** How many connections the system lets this process have. */
import { readFileSync } from 'node:fs';
import { TsujiError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';

/**
 * Kept back: what the process has before the first connection (counted: 31 and 9 per worker, with one entrypoint), for
 * threads that come later, and for sources of keys, health checks, certificates and the admin address.
 */
const RESERVE = 96;
const RESERVE_PER_WORKER = 16;
const LEAST = 16;
/** Without these it could not even start. */
const LEAST_OWN = 40;
const LEAST_PER_WORKER = 12;
/** Connections: with less it is worth a line. */
const FEW = 1_000;

/** The text of `/proc/self/limits` → descriptors; null when it does not say, or there is no limit. */
export function descriptorLimit(limits: string): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(limits);
  return soft === null ? null : Number(soft[1]);
}

/**
 * Connections with clients and servers together, of all workers; 0: no limit is known.
 * @throws TsujiError when there are too few to start at all
 */
export function mostConnections(workers: number): number {
  let limits = '';
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Only Linux has it.
  }
  const limit = descriptorLimit(limits);
  if (limit === null) return 0;
  const most = Math.max(limit - RESERVE - RESERVE_PER_WORKER * workers, LEAST);
  const least = LEAST_OWN + LEAST_PER_WORKER * workers + LEAST;
  if (limit < least) {
    const needs = `tsuji with ${workers} workers needs ${least} at least, and ${FEW / 2} clients ${RESERVE + RESERVE_PER_WORKER * workers + FEW}`;
    throw new TsujiError(
      'FEW_OPEN_FILES',
      `the limit of file descriptors is ${limit}: ${needs} (ulimit -n, LimitNOFILE=)`,
    );
  }
  if (most < FEW) {
    const needed = RESERVE + RESERVE_PER_WORKER * workers + FEW;
    log.event(EVENTS.fewOpenFiles, '', { limit, clients: most >> 1, needed });
  }
  return most;
}
