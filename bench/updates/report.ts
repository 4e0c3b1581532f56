/** What was measured of changes, as lines. */
import { formatNumber, formatTable } from '../table.ts';
import type { StartFigures } from './start.ts';

const MIB = 1_048_576;

export type UpdatesFigures = {
  readonly name: string;
  readonly frontends: number;
  /** Milliseconds from the start of the process until the first, some between and the last host are served. */
  readonly start: number;
  /** Bytes, some seconds after the start. */
  readonly resident: number;
  /** Resident bytes, less those with one host. */
  readonly bytesEach: number;
  /** Milliseconds of the first change after the start. */
  readonly first: number;
  /** Milliseconds of each change, put to served by every worker. */
  readonly times: readonly number[];
  /** Of each, put to the event at a bare watcher of etcd; empty: there is no etcd. */
  readonly store: readonly number[];
  /** Changes that were not live in time. */
  readonly lost: number;
  /** Milliseconds, p99 of the load: without changes and with them. */
  readonly quietP99: number;
  readonly busyP99: number;
  readonly errors: number;
  /** Milliseconds by which timers of the main thread were late while there were changes; empty: unknown. */
  readonly delays: readonly number[];
};

/** Of values in any order; NaN of none. */
export function atShare(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;
}

const HEADER = [
  '',
  'frontends',
  'start ms',
  'MiB',
  'bytes each',
  'first live ms',
  'live p50 ms',
  'p90',
  'p99',
  'etcd alone p50',
  'p90',
  'p99',
  'changes',
  'lost',
  'load p99 ms',
  'with changes',
  'errors',
  'loop delay p99',
];

export function updatesText(figures: readonly UpdatesFigures[]): string {
  const rows = figures.map((each) => [
    each.name,
    String(each.frontends),
    formatNumber(each.start),
    formatNumber(each.resident / MIB),
    formatNumber(each.bytesEach),
    formatNumber(each.first),
    ...[0.5, 0.9, 0.99].map((share) => formatNumber(atShare(each.times, share))),
    ...[0.5, 0.9, 0.99].map((share) => formatNumber(atShare(each.store, share))),
    String(each.times.length),
    String(each.lost),
    formatNumber(each.quietP99),
    formatNumber(each.busyP99),
    String(each.errors),
    formatNumber(atShare(each.delays, 0.99)),
  ]);
  return formatTable(HEADER, rows);
}

type Goal = {
  readonly frontends: number;
  readonly what: string;
  readonly most: number;
  of(each: UpdatesFigures): number;
};

const GOALS: readonly Goal[] = [
  { frontends: 1_000, what: 'change live p99, ms', most: 10, of: ({ times }) => atShare(times, 0.99) },
  { frontends: 100_000, what: 'change live p99, ms', most: 30, of: ({ times }) => atShare(times, 0.99) },
  {
    frontends: 100_000,
    what: 'p99 of the load with changes ÷ without',
    most: 1.5,
    of: (each) => each.busyP99 / each.quietP99,
  },
  { frontends: 10_000, what: 'start, ms', most: 1_000, of: ({ start }) => start },
  { frontends: 100_000, what: 'start, ms', most: 5_000, of: ({ start }) => start },
  { frontends: 100_000, what: 'bytes per frontend', most: 3_072, of: ({ bytesEach }) => bytesEach },
  { frontends: 100_000, what: 'loop delay p99, ms', most: 20, of: ({ delays }) => atShare(delays, 0.99) },
];

function goalLine(what: string, value: number, most: number): string {
  return `${value <= most ? 'met:   ' : 'missed:'} ${what}: ${formatNumber(value)}, goal ${formatNumber(most)}`;
}

/** `met` and `missed` lines of tsuji. */
export function updatesGoals(figures: readonly UpdatesFigures[]): string[] {
  return GOALS.flatMap((goal) => {
    const each = figures.find(({ name, frontends }) => name === 'tsuji' && frontends === goal.frontends);
    if (each === undefined) return [];
    return [goalLine(`${goal.what} at ${goal.frontends}`, goal.of(each), goal.most)];
  });
}

/** Bytes that each worker after the first takes. */
function furtherWorker(atRest: readonly number[]): number {
  return (atRest.at(-1)! - atRest[0]!) / (atRest.length - 1);
}

function spread(times: readonly number[]): string {
  return `${formatNumber(atShare(times, 0.5))} (${formatNumber(Math.min(...times))}–${formatNumber(Math.max(...times))})`;
}

/** Of tsuji with one frontend. */
export function startText({ fromEtcd, fromSources, fromSnapshot, atRest }: StartFigures): string {
  return formatTable(
    ['start to the first routed answer, at rest', ''],
    [
      ['from etcd, ms', spread(fromEtcd)],
      ['from etcd, started from the sources, ms', spread(fromSources)],
      ['from the snapshot, etcd refuses, ms', spread(fromSnapshot)],
      ['one worker, MiB', formatNumber(atRest[0]! / MIB)],
      ['each further worker, MiB', formatNumber(furtherWorker(atRest) / MIB)],
    ],
  );
}

export function startGoals({ fromEtcd, fromSnapshot, atRest }: StartFigures): string[] {
  const goals: [what: string, value: number, most: number][] = [
    ['start from etcd, ms', atShare(fromEtcd, 0.5), 400],
    ['start from the snapshot, ms', atShare(fromSnapshot, 0.5), 1_000],
    ['one worker at rest, MiB', atRest[0]! / MIB, 120],
    ['each further worker at rest, MiB', furtherWorker(atRest) / MIB, 25],
  ];
  return goals.map(([what, value, most]) => goalLine(what, value, most));
}
