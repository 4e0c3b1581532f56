/** What `/api/history` and `/api/diff` answer. Secrets are told by their length, and no answer is long. */
import { TsujiError } from '../../kernel/errors.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import type { SourceName } from '../source/source.ts';
import { differences, type KeyChange, shownValue } from './difference.ts';
import { KeyHistory, type KnownEvent } from './key-history.ts';

type Asked =
  /** `before`: only what happened before that revision, 0 for all. */
  | { readonly kind: 'history'; readonly key: string; readonly before: number }
  /** `to` 0: now. `after`: only keys behind that one. */
  | {
      readonly kind: 'diff';
      readonly from: number;
      readonly to: number;
      readonly below: string;
      readonly after: string;
    };

/** May be sent to another thread. */
export type HistoryQuestion = Asked & {
  readonly etcd: EtcdSettings;
  /** As for KeyHistory. */
  readonly path: string;
  readonly source: SourceName;
  /** Items in the answer, the most. */
  readonly limit: number;
};

/** `status` 404: nobody knows it, and `body` has the reason. */
export type AnsweredHistory = { readonly status: 200 | 404; readonly body: object };

const LONGEST_VALUE = 1_000;

function shown(key: string, value: string | null): string | null {
  const text = shownValue(key, value);
  return text !== null && text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function shownEvent(key: string, { revision, value, isLeased, isKept, isLate }: KnownEvent) {
  return { revision, value: shown(key, value), leased: isLeased, fromSnapshots: isKept, orBefore: isLate };
}

function shownChange({ key, before, after }: KeyChange) {
  return { key, before: shown(key, before), after: shown(key, after) };
}

async function answered(history: KeyHistory, asked: HistoryQuestion): Promise<object> {
  const { source, limit } = asked;
  if (asked.kind === 'history') {
    const { key, before } = asked;
    const { events, since, why } = await history.of(key);
    const wanted = before === 0 ? events : events.filter(({ revision }) => revision < before);
    const page = wanted.slice(-limit).map((event) => shownEvent(key, event));
    return { key, source, since, why, events: page, more: wanted.length - page.length };
  }
  const [from, to] = [await history.at(asked.from), await history.at(asked.to)];
  const below = asked.below.replace(/^\/+/, '');
  const value = (state: typeof from) => new Map(Array.from(state.keys, ([key, stored]) => [key, stored.value]));
  const changes = differences(value(from), value(to)).filter(({ key }) => key.startsWith(below));
  const rest = changes.filter(({ key }) => key > asked.after);
  const page = rest.slice(0, limit);
  return {
    from: from.revision,
    to: to.revision,
    source,
    /** Why they come from snapshots, '' for what etcd has told. */
    whyFrom: from.why,
    whyTo: to.why,
    total: changes.length,
    changes: page.map(shownChange),
    more: rest.length - page.length,
  };
}

/** @throws Error only where something is wrong with us or the files */
export async function answerHistory(asked: HistoryQuestion): Promise<AnsweredHistory> {
  const history = await KeyHistory.open(asked.etcd, asked.path, asked.source);
  try {
    return { status: 200, body: await answered(history, asked) };
  } catch (error) {
    if (!(error instanceof TsujiError)) throw error;
    return { status: 404, body: { error: error.message } };
  } finally {
    history.close();
  }
}
