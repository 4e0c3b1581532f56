/** How many connections the system lets this process have. */
import { readFileSync } from 'node:fs';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';

/**
 * Kept back: what the process has before the first connection (counted: 31 and 9 per worker, with one entrypoint), for
 * threads that come later, and for sources of keys, health checks, certificates and the admin address.
 */
const RESERVE = 96;
const RESERVE_PER_WORKER = 16;
const LEAST = 16;
/** Connections: with less it is worth a line. */
const FEW = 1_000;

/** The text of `/proc/self/limits` → descriptors; null when it does not say, or there is no limit. */
export function descriptorLimit(limits: string): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(limits);
  return soft === null ? null : Number(soft[1]);
}

/** Connections with clients and servers together, of all workers; 0: no limit is known. */
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
  if (most < FEW) {
    const needed = RESERVE + RESERVE_PER_WORKER * workers + FEW;
    log.event(EVENTS.fewOpenFiles, '', { limit, clients: most >> 1, needed });
  }
  return most;
}
