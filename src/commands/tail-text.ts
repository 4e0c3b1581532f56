/** A request of a live tail as a line for people. What a client has sent cannot leave its line or move a cursor. */

import type { TailLine } from '../control/admin/ui-api/shapes.ts';
import { plain } from './terminal-text.ts';

function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1_000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** Where it went: `frontend → backend/server`, as far as it came. */
function way({ f, b, s, tries }: TailLine): string {
  if (f === null) return '–';
  const server = s === null ? '' : `/${s}`;
  const more = tries > 1 ? ` (${tries} tries)` : '';
  return plain(`${f} → ${b ?? '–'}${server}${more}`);
}

export function tailText(line: TailLine): string {
  const { t, ms, code, m, h, p, ip, cause } = line;
  const time = new Date(t).toISOString().slice(11, 23);
  const took = duration(ms.reduce((sum, part) => sum + part, 0));
  const parts = [time, String(code), plain(m).padEnd(4), plain(h + p), took.padStart(7), way(line), plain(ip)];
  if (cause !== 'ok') parts.push(plain(cause));
  return parts.join('  ');
}
