/**
 * `GET /api/keys`: what every key is. All keys are looked at, so that what is asked for can be counted; that is done in pieces,
 * for a few at a time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { quoted } from '../../kernel/quote.ts';
import type { MergedKey } from '../routing/kv-merge.ts';
import type { ControlView } from '../view.ts';
import { treeOf } from './key-rows.ts';
import { KEY_STATES, type KeyContext, type KeyState, type KeyStatus, keyStatus, leftOutObjects } from './key-status.ts';

export type KeyQuery = {
  readonly states: readonly KeyState[];
  /** Whole or relative to the prefix; '' for all. */
  readonly prefix: string;
  readonly offset: number;
  readonly limit: number;
};

export type KeyList = {
  /** All keys. */
  readonly total: number;
  /** Those that are asked for. */
  readonly match: number;
  readonly offset: number;
  /** Below the prefix that is asked for, by state. */
  readonly counts: Readonly<Record<KeyState, number>>;
  readonly keys: readonly KeyStatus[];
};

const MOST_KEYS = 1_000;
const DEFAULT_KEYS = 200;
const SLICE_MS = 2;
/** Sorted at once. */
const RUN = 2_000;

/** A text says why not. */
export function keyQueryOf(query: URLSearchParams): KeyQuery | string {
  const known = ['state', 'prefix', 'offset', 'limit'];
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) return `${quoted(unknown)} is none of ${known.join(', ')}`;
  const states = (query.get('state') ?? '').split(',').filter((state) => state !== '');
  const wrong = states.find((state) => !(KEY_STATES as readonly string[]).includes(state));
  if (wrong !== undefined) return `state: ${quoted(wrong)} is none of ${KEY_STATES.join(', ')}`;
  const numberOf = (name: string, fallback: number): number =>
    /^\d{1,9}$/.test(query.get(name) ?? String(fallback)) ? Number(query.get(name) ?? fallback) : -1;
  const offset = numberOf('offset', 0);
  const limit = numberOf('limit', DEFAULT_KEYS);
  if (offset < 0) return `offset: ${quoted(query.get('offset')!)} is no number`;
  if (limit < 0 || limit > MOST_KEYS) return `limit: ${quoted(query.get('limit')!)} is no number up to ${MOST_KEYS}`;
  return { states: states as KeyState[], prefix: query.get('prefix') ?? '', offset, limit };
}

function byKey(one: MergedKey, other: MergedKey): number {
  return one.key < other.key ? -1 : 1;
}

/** Gives in between. Two runs that are sorted → one. */
function* merged(one: readonly MergedKey[], other: readonly MergedKey[]): Generator<undefined, MergedKey[]> {
  const all: MergedKey[] = [];
  let at = 0;
  for (const key of one) {
    while (at < other.length && byKey(other[at], key) < 0) all.push(other[at++]);
    all.push(key);
    yield;
  }
  while (at < other.length) all.push(other[at++]);
  return all;
}

function* sorted(keys: Iterable<MergedKey>): Generator<undefined, MergedKey[]> {
  let runs: MergedKey[][] = [];
  let run: MergedKey[] = [];
  for (const key of keys) {
    if (run.push(key) === RUN) {
      runs.push(run.sort(byKey));
      run = [];
    }
    yield;
  }
  runs.push(run.sort(byKey));
  while (runs.length > 1) {
    const next: MergedKey[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      next.push(runs[i + 1] === undefined ? runs[i] : yield* merged(runs[i], runs[i + 1]));
    }
    runs = next;
  }
  return runs[0];
}

/** Of `keys`, in their order. Gives in between. */
export function* listKeys(
  keys: Iterable<MergedKey>,
  context: KeyContext,
  { states, prefix, offset, limit }: KeyQuery,
): Generator<undefined, KeyList> {
  const start = prefix.replace(/^\/+/, '');
  const starts = [start, ...[context.tree, context.prefix].map((whole) => `/${start}`.replace(`${whole}/`, ''))];
  const leftOut = leftOutObjects(context);
  const counts = Object.fromEntries(KEY_STATES.map((state) => [state, 0])) as Record<KeyState, number>;
  const told: KeyStatus[] = [];
  const all = yield* sorted(keys);
  let match = 0;
  for (const key of all) {
    yield;
    if (start !== '' && !starts.some((each) => key.key.startsWith(each))) continue;
    const status = keyStatus(key, context, leftOut);
    counts[status.state]++;
    if (states.length > 0 && !states.includes(status.state)) continue;
    if (match++ >= offset && told.length < limit) told.push(status);
  }
  return { total: all.length, match, offset, counts, keys: told };
}

/** Those that look at once. */
const MOST_LOOKING = 4;

export function contextOf(view: ControlView): KeyContext {
  const problems = new Map([...view.problems()].map((problem) => [problem.key, problem]));
  return { prefix: view.prefix, model: () => view.model(), tree: treeOf(view), problems };
}

export class KeyPages {
  private readonly view: ControlView;
  private looking = 0;

  constructor(view: ControlView) {
    this.view = view;
  }

  /** `query`: what stands behind the question mark. */
  async answer(query: string): Promise<{ readonly status: 200 | 400 | 503; readonly text: string }> {
    const asked = keyQueryOf(new URLSearchParams(query));
    if (typeof asked === 'string') return { status: 400, text: `${JSON.stringify({ error: asked })}\n` };
    if (this.looking >= MOST_LOOKING) return { status: 503, text: '{"error":"too many look at the keys already"}\n' };
    this.looking++;
    try {
      return { status: 200, text: `${JSON.stringify(await this.list(asked))}\n` };
    } finally {
      this.looking--;
    }
  }

  private async list(asked: KeyQuery): Promise<KeyList> {
    const listing = listKeys(this.view.keys(), contextOf(this.view), asked);
    for (;;) {
      const start = performance.now();
      let step = listing.next();
      while (step.done !== true && performance.now() - start < SLICE_MS) step = listing.next();
      if (step.done === true) return step.value;
      await nextTurn();
    }
  }
}
