/** The lists of what happened and of what is wrong: problems, certificates, events. See list-kinds.ts. */
import type { Problem } from '../../../kernel/problems.ts';
import type { Board } from '../../board/board.ts';
import { concerns } from '../../board/event-log.ts';
import { plain } from '../../board/findings.ts';
import type { Trouble } from '../../board/troubles.ts';
import { problemDetail } from '../../keys/key-status.ts';
import type { CertificateView } from '../../view.ts';
import { CERTIFICATE_COLUMNS, EVENT_COLUMNS, PROBLEM_COLUMNS } from './columns.ts';
import { isIn } from './filter.ts';
import type { ListKind } from './list-kinds.ts';
import { type BoardEvent, EVENT_KINDS } from './shapes.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

/** One of the two. */
export type ProblemRow = { readonly trouble: Trouble } | { readonly problem: Problem };

const PROBLEM_RANK: Readonly<Record<string, number>> = {
  bad: 0,
  warn: 1,
  rejected: 2,
  defaulted: 3,
  warned: 4,
  ignored: 5,
};

function problemState(row: ProblemRow): string {
  return 'trouble' in row ? row.trouble.state : row.problem.state;
}

function problemSince(row: ProblemRow, { problems }: Board): number | null {
  return 'trouble' in row ? row.trouble.since : problems.since(row.problem.key);
}

function isNewProblem(row: ProblemRow, { problems, now }: Board): boolean {
  return 'trouble' in row || problems.isNew(row.problem.key, now());
}

function problemName(row: ProblemRow): string {
  return 'trouble' in row ? plain(row.trouble.title) : row.problem.key;
}

/** `/frontends/F` of a key of F. */
function placeOfKey(key: string): string {
  const [, kind, name] = /\/(frontends|backends)\/([^/]+)\//.exec(key) ?? [];
  return kind === undefined ? '' : `/${kind}/${encodeURIComponent(name)}`;
}

function* problemRows({ troubles, view }: Board): Generator<ProblemRow> {
  for (const trouble of troubles) yield { trouble };
  for (const problem of view.problems()) yield { problem };
}

export const PROBLEMS: ListKind<ProblemRow> = {
  columns: PROBLEM_COLUMNS,
  rows: problemRows,
  write: (row, board) => {
    const since = problemSince(row, board);
    if ('trouble' in row) {
      const { state, title, text, link } = row.trouble;
      return ['now', state, title, text, since, true, null, null, '', '', link];
    }
    const { key, state, reason } = row.problem;
    const isNew = isNewProblem(row, board);
    const { value, mark, fix, source } = problemDetail(board.view, row.problem);
    return ['key', state, [['code', key]], [reason], since, isNew, value, mark, fix, source, placeOfKey(key)];
  },
  sorts: {
    // The newest first in each state.
    worst: (row, board) => {
      const since = problemSince(row, board) ?? 0;
      return PROBLEM_RANK[problemState(row)] * 1e14 - ('trouble' in row ? 0 : since);
    },
    since: problemSince,
    title: problemName,
    state: (row) => PROBLEM_RANK[problemState(row)],
  },
  order: 'worst',
  // What is worst keeps its order.
  name: (row) => ('trouble' in row ? '' : row.problem.key),
  fields: (board) => ({
    hasWord: (row, word) =>
      isIn(problemName(row), word) || isIn('trouble' in row ? plain(row.trouble.text) : row.problem.reason, word),
    terms: {
      is: {
        values: ['now', 'key', 'new', ...Object.keys(PROBLEM_RANK)],
        test: (row, value) => {
          if (value === 'new') return isNewProblem(row, board);
          return value === ('trouble' in row ? 'now' : 'key') || value === problemState(row);
        },
      },
      kind: { values: Object.keys(PROBLEM_RANK), test: (row, value) => value === problemState(row) },
      backend: { test: (row, value) => problemName(row).toLowerCase().includes(`backends/${value}/`) },
      frontend: { test: (row, value) => problemName(row).toLowerCase().includes(`frontends/${value}/`) },
    },
    numbers: {},
  }),
  counts: ['now', 'new', 'rejected', 'defaulted', 'warned', 'ignored'],
  countedAs: (row, board) => {
    const isNew = isNewProblem(row, board) ? ['new'] : [];
    return 'trouble' in row ? ['now'] : [row.problem.state, ...isNew];
  },
};

function certificateState({ notAfter, problem }: CertificateView, { now }: Board): 'bad' | 'warn' | 'ok' {
  if (problem !== '' || (notAfter > 0 && notAfter <= now())) return 'bad';
  return notAfter > 0 && notAfter - now() < SOON_MS ? 'warn' : 'ok';
}

function daysOf({ notAfter }: CertificateView, { now }: Board): number | null {
  return notAfter === 0 ? null : Math.floor((notAfter - now()) / DAY_MS);
}

export const CERTIFICATES: ListKind<CertificateView> = {
  columns: CERTIFICATE_COLUMNS,
  rows: ({ view }) => view.certificates(),
  write: (row, board) => {
    const { names, notAfter, entryPoints, defaultOf, keyType, from, stapled, problem } = row;
    const end = notAfter === 0 ? null : notAfter;
    const state = certificateState(row, board);
    return [names, end, daysOf(row, board), entryPoints, defaultOf, keyType, from, stapled, problem, state];
  },
  sorts: {
    notAfter: ({ notAfter }) => (notAfter === 0 ? null : notAfter),
    days: daysOf,
    names: ({ names }) => names.join(','),
    entryPoints: ({ entryPoints }) => entryPoints.join(','),
    keyType: ({ keyType }) => keyType,
    from: ({ from }) => from,
    stapled: ({ stapled }) => Number(stapled),
    state: (row, board) => ['bad', 'warn', 'ok'].indexOf(certificateState(row, board)),
  },
  order: 'notAfter',
  name: ({ from }) => from,
  fields: (board) => ({
    hasWord: ({ names, from }, word) => isIn(from, word) || names.some((name) => isIn(name, word)),
    terms: {
      is: { values: ['bad', 'warn', 'ok'], test: (row, value) => certificateState(row, board) === value },
      host: { test: ({ names }, value) => names.some((name) => name.includes(value)) },
      entrypoint: { test: ({ entryPoints }, value) => entryPoints.some((name) => name.toLowerCase() === value) },
    },
    numbers: { days: (row) => daysOf(row, board) },
  }),
  counts: ['bad', 'warn', 'ok'],
  countedAs: (row, board) => [certificateState(row, board)],
};

const WORSE_WORDS: Readonly<Record<string, readonly number[]>> = { worse: [1, 2], better: [-1], neutral: [0] };

/** Minutes of the day in UTC; -1 for no time. */
function minutesOf(value: string): number {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(value) ?? [];
  return hours === undefined ? -1 : Number(hours) * 60 + Number(minutes);
}

/** The last time that a clock showed `value`. */
function clockTime(value: string, now: number): number {
  const minutes = minutesOf(value);
  if (minutes < 0) return Number.POSITIVE_INFINITY;
  const midnight = now - (now % DAY_MS);
  const today = midnight + minutes * 60_000;
  return today <= now ? today : today - DAY_MS;
}

export const EVENTS_LIST: ListKind<BoardEvent> = {
  columns: EVENT_COLUMNS,
  rows: ({ events }) => events.log.before(),
  write: ({ id, t, kind, worse, of, text, detail, n, by }) => [id, t, kind, worse, of, text, detail, n, by],
  sorts: {
    id: ({ id }) => id,
    t: ({ t }) => t,
    kind: ({ kind }) => kind,
    n: ({ n }) => n,
    worse: ({ worse }) => worse,
  },
  order: '-id',
  name: ({ id }) => String(id).padStart(12, '0'),
  fields: ({ now }) => ({
    hasWord: ({ text, detail, by }, word) => isIn(plain(text), word) || isIn(plain(detail), word) || isIn(by, word),
    terms: {
      kind: { values: EVENT_KINDS, test: ({ kind }, value) => kind === value },
      is: { values: Object.keys(WORSE_WORDS), test: ({ worse }, value) => WORSE_WORDS[value].includes(worse) },
      backend: { test: (event, value) => concerns(event, ['backend', value]) },
      frontend: { test: (event, value) => concerns(event, ['frontend', value]) },
      server: {
        test: ({ of, members = [] }, value) =>
          [of, ...members].some(([what, backend, server]) => {
            if (what !== 'server') return false;
            return server.toLowerCase() === value || `${backend}/${server}`.toLowerCase() === value;
          }),
      },
      generation: {
        test: ({ kind, text, detail }, value) =>
          kind === 'keys' && [text, detail].some((part) => isIn(plain(part), `generation ${value}:`)),
      },
      after: { test: ({ t }, value) => t >= clockTime(value, now()) },
      before: { test: ({ t }, value) => t < clockTime(value, now()) },
    },
    numbers: { n: ({ n }) => n },
  }),
  counts: EVENT_KINDS,
  countedAs: ({ kind }) => [kind],
};
