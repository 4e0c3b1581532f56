/** How many files and connections this process may have open. */
import { readFileSync } from 'node:fs';

/** Infinity where nobody says, or there is no limit. */
export function descriptorLimit(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return limit === null ? Number.POSITIVE_INFINITY : Number(limit[1]);
  } catch {
    return Number.POSITIVE_INFINITY; // no /proc: not Linux
  }
}
