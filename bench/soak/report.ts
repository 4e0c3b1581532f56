/** What a soak has found, what of it must not be, and how it is told. */
import { formatNumber, formatTable } from '../table.ts';
import { BAD_RULE } from './disturb.ts';
import type { Ledger } from './ledger.ts';
import type { Growth } from './memory.ts';

/**
 * Bytes that resident memory may grow in the second half, however long that is: heaps of three threads that are filled
 * and emptied every few minutes move it by as much. So a
 * longer soak finds smaller leaks: one of half an hour 200 bytes per exchange at 250 exchanges a second.
 */
export const GROWTH_LIMIT = 40 * 2 ** 20;

export type Findings = {
  readonly seconds: number;
  /** Why WebSockets took no part; '' when they did. */
  readonly webSockets: string;
  readonly ledger: Ledger;
  /** Changes of keys. */
  readonly changes: number;
  readonly growth: Growth;
  /** Seconds by which a timer of tsuji's main thread was late, at worst. */
  readonly greatestLag: number;
  readonly greatestUpstream: number;
  /** Microseconds of a small GET: median, 99th percentile, greatest. */
  readonly latency: readonly number[];
  readonly openExchanges: number;
  /** Method and protocol of these. */
  readonly openKinds: string;
  readonly openUpstream: number;
  /** Answers by status, as tsuji counts them. */
  readonly codes: ReadonlyMap<number, number>;
  readonly generation: number;
  readonly settled: boolean;
  /** Workers that were replaced. */
  readonly restarts: number;
  /** Exit code of tsuji after SIGTERM, null after a signal, `none` when it did not end. */
  readonly exit: number | null | 'none';
  /** What tsuji logged: only errors are. */
  readonly output: string;
  /** What servers found wrong. */
  readonly complaints: string;
};

/** 499: the client has left. 502: a server was killed; whoever still listened has judged each of them. */
const EXPECTED_CODES: ReadonlySet<number> = new Set([101, 200, 499, 502]);

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 5).join('\n    ');
}

/** Everything that must not be, one line each. */
export function failuresOf(found: Findings): string[] {
  const failures: string[] = [];
  const demand = (good: boolean, failure: string): void => {
    if (!good) failures.push(failure);
  };
  const { ledger, growth } = found;
  const errors = found.output
    .split('\n')
    .filter((line) => line !== '' && !line.includes(BAD_RULE))
    .join('\n');
  const odd = [...found.codes].filter(([code]) => !EXPECTED_CODES.has(code));
  demand(ledger.unexplainedCount === 0, `${ledger.unexplainedCount} outcomes without an explanation`);
  demand(odd.length === 0, `answers that nothing provoked: ${odd.map(([code, n]) => `${n} × ${code}`).join(', ')}`);
  demand(found.openExchanges === 0, `${found.openExchanges} exchanges are still open: ${found.openKinds}`);
  demand(found.openUpstream === 0, `${found.openUpstream} connections to servers are open after their idle time`);
  demand(
    growth.inAll <= GROWTH_LIMIT,
    `memory has grown by ${mib(growth.inAll)} MiB in the second half, ${mib(GROWTH_LIMIT)} are allowed`,
  );
  demand(found.restarts === 0, `${found.restarts} workers had to be replaced`);
  demand(found.settled, 'the workers do not route by the newest table');
  demand(errors === '', `tsuji has logged errors:\n    ${firstLines(errors)}`);
  demand(found.complaints.trim() === '', `servers complain:\n    ${firstLines(found.complaints)}`);
  demand(found.exit === 0, `tsuji did not end with 0 after SIGTERM but with ${found.exit}`);
  return failures;
}

function mib(bytes: number): string {
  return formatNumber(bytes / 2 ** 20);
}

export function findingsText(found: Findings, failures: readonly string[]): string {
  const { ledger, growth } = found;
  const kinds = [...ledger.kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  const [p50, p99, greatest] = found.latency.map((us) => formatNumber(us / 1000));
  const lines = [
    formatTable(
      ['visits', 'to their end', 'left'],
      kinds.map(([kind, { done, left }]) => [kind, String(done), String(left)]),
    ),
    '',
    ...[...ledger.explained].map(([why, count]) => `${count} × ${why}`),
    `${found.seconds.toFixed(0)} s, ${found.changes} changes of keys up to generation ${found.generation}, ` +
      `${ledger.kills.length} servers killed`,
    `answers: ${[...found.codes]
      .sort(([a], [b]) => a - b)
      .map(([code, n]) => `${n} × ${code}`)
      .join(', ')}`,
    `memory in the second half: ${mib(growth.least)} to ${mib(growth.greatest)} MiB, slope ${mib(growth.perMinute)} MiB ` +
      `a minute, in all ${mib(growth.inAll)} MiB (at most ${mib(GROWTH_LIMIT)})`,
    `small GET: ${p50} ms median, ${p99} ms p99, ${greatest} ms at worst; main thread at most ` +
      `${formatNumber(found.greatestLag * 1000)} ms late`,
    `connections to servers: ${found.greatestUpstream} at most, ${found.openUpstream} left; exchanges left: ${found.openExchanges}`,
  ];
  if (found.webSockets !== '') lines.push(`no WebSockets: ${found.webSockets}`);
  for (const line of ledger.unexplained) lines.push(`unexplained: ${line}`);
  lines.push('', ...(failures.length === 0 ? ['soak passed'] : failures.map((failure) => `FAILED: ${failure}`)));
  return lines.join('\n');
}
