/** What workers are told of live tails: whose requests somebody looks at. */

/** Texts of an exchange that a test may look at; `any`: all of them. */
export const TAIL_TEXTS = [
  'any',
  'host',
  'path',
  'frontend',
  'backend',
  'server',
  'entrypoint',
  'method',
  'cause',
  'ip',
] as const;
export type TailText = (typeof TAIL_TEXTS)[number];
/** `ms`: from the request to the end of its response. */
export type TailNumber = 'code' | 'ms' | 'tries';

/** `value`: in lower case; letters may be of either case. */
export type TextTest = {
  readonly of: TailText;
  readonly value: string;
  /** It is the whole text, not a part of it. */
  readonly isWhole: boolean;
  readonly isNot: boolean;
};
/** More than `over` and less than `under`. */
export type NumberTest = {
  readonly of: TailNumber;
  readonly over: number;
  readonly under: number;
  readonly isNot: boolean;
};
/** All of them must hold. */
export type TailFilter = readonly (TextTest | NumberTest)[];

/** At the same time. Each has a number below, which a later one may get. */
export const MOST_TAILS = 8;

export type Tail = {
  readonly number: number;
  /** The version of the list that it came with. */
  readonly since: number;
  readonly filter: TailFilter;
  /** Requests per second that are shown. */
  readonly rate: number;
};

/** All that there are. */
export type Tails = {
  /** Of this list, one more than that of the list before. Records bear it. */
  readonly version: number;
  readonly list: readonly Tail[];
  /** Values of queries are shown. */
  readonly showsQueries: boolean;
};
