/** A key and what it is, as lines for a terminal. */
import type { KeyStatus } from '../control/keys/key-status.ts';
import { plain } from './terminal-text.ts';

/** Longer values are not marked. */
const MOST_MARKED = 160;

export function keyLines({ key, value, source, revision, state, reason, mark, fix }: KeyStatus): string[] {
  const from = revision === null ? source : `${source} rev ${revision}`;
  const head = `${state.padEnd(9)} ${key} = `;
  const lines = [`${head}${value}  (${from})`];
  if (mark !== null && value.startsWith('"') && value.length < MOST_MARKED) {
    // Behind the quote.
    lines.push(`${' '.repeat(head.length + 1 + mark[0])}${'^'.repeat(Math.max(mark[1] - mark[0], 1))}`);
  }
  if (reason !== '') lines.push(`          ${reason}`);
  if (fix !== '') lines.push(`          probably meant: ${fix}`);
  return lines.map(plain);
}
