/** Rows of the lists below `/api/ui/`: their columns, in the order in which a row has them. */
import type { BadTerm } from './shapes.ts';

export type List = {
  /** Without `q`. */
  readonly total: number;
  readonly match: number;
  readonly offset: number;
  /** Of all, without `q`: by state, kind. */
  readonly counts: Readonly<Record<string, number>>;
  readonly cols: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly bad?: readonly BadTerm[];
};

/** `sort=COLUMN` or `-COLUMN`, or `worst`. Rates are those of the last 10 s; below 1 request/s shares are of 5 min. */
export const FRONTEND_COLUMNS = [
  'name',
  /** That of its backend; `idle` when it had no request itself. */
  'state',
  /** Rules of its routes, as written: string[]. */
  'rules',
  'entryPoints',
  'backend',
  'up',
  'want',
  'rate',
  'e4',
  'e5',
  'p99',
  /** Higher is tried first. */
  'priority',
  /** Time of the last request, null for none since the start. */
  'last',
] as const;

export const BACKEND_COLUMNS = [
  'name',
  'state',
  /** Why it is not ok, '' otherwise. */
  'why',
  'up',
  'want',
  /** A letter of SERVER_LETTERS per server, '' above 12 of them. */
  'pips',
  'rate',
  'e4',
  'e5',
  'p50',
  'p99',
  'method',
  /** `breaker`, `limit`, `queue`, `check`, … in one text. */
  'protection',
  /** Of the state. */
  'since',
] as const;

export const PROBLEM_COLUMNS = [
  /** `now`, `key`. */
  'group',
  /** `bad`, `warn` of `now`; `rejected`, `defaulted`, `warned`, `ignored` of `key`. */
  'state',
  /** What of `now`, the key of `key`: Text. */
  'title',
  /** Why: Text. */
  'text',
  'since',
  /** 24 h, or since the start. */
  'isNew',
  /** As written, null where it is secret or not known. */
  'value',
  /** What is wrong in it: [from, to] in characters, null when that is not known. */
  'mark',
  /** What would be right, '' when that is not known. */
  'fix',
  /** `etcdv3 rev 812`, '' when it is not known. */
  'source',
  /** A place of the page, '' for none. */
  'link',
] as const;

export const CERTIFICATE_COLUMNS = [
  'names',
  'notAfter',
  'days',
  'entryPoints',
  'defaultOf',
  'keyType',
  'from',
  'stapled',
  'problem',
  /** `bad` (ended, or a problem), `warn` (< 14 d), `ok`. */
  'state',
] as const;

export const EVENT_COLUMNS = ['id', 't', 'kind', 'worse', 'of', 'text', 'detail', 'n', 'by'] as const;
