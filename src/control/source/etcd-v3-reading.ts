/** A range of etcd v3 read in pages at one revision. The store makes the next page while this one is taken in. */
import { setImmediate as turn } from 'node:timers/promises';
import type { IRangeRequest } from 'etcd3';
import type { EtcdV3Connection } from './etcd-v3-connection.ts';
import type { KeyValue } from './etcd-v3-key-value.ts';
import { WatchMark } from './etcd-v3-mark.ts';
import { RangeAnswer } from './etcd-v3-range.ts';
import type { KeyRange } from './etcd-v3-watch.ts';

/** A page has about so much when keys are small. */
const PAGE_BYTES = 4 * 1_048_576;
const MOST_PAGE_KEYS = 65_536;
/** The loop goes round after so much of a page. */
const SLICE_MS = 5;
/** Between two looks at the clock. */
const SLICE_KEYS = 256;

const NUL = Buffer.from([0]);

export type Reading = { readonly revision: number; readonly mark: WatchMark };

/**
 * Gives all that is in `range` at `revision`, null for the newest, to `each`, in order of keys. `pageKeys`: of the first page, and the
 * least of the others. Fails when that revision is compacted meanwhile.
 */
export async function readRange(
  connection: EtcdV3Connection,
  range: KeyRange,
  revision: number | null,
  pageKeys: number,
  each: (key: KeyValue) => void,
): Promise<Reading> {
  const page: IRangeRequest = { key: range.start, range_end: range.end, limit: pageKeys };
  // The member has the revision once it has answered a page of it, so the others need no quorum.
  const fixed = (at: number): IRangeRequest => ({ ...page, revision: String(at), serializable: true });
  let answer = new RangeAnswer(await connection.range(revision === null ? page : fixed(revision)));
  const at = revision ?? answer.revision;
  const mark = new WatchMark(range, answer);
  for (;;) {
    const key = answer.more ? behindLast(answer) : null;
    // etcd counts all keys that are left for each page, so that very many small ones had better come in few pages.
    const fitting = Math.floor((PAGE_BYTES * answer.size) / answer.byteLength);
    const limit = Math.max(pageKeys, Math.min(fitting, MOST_PAGE_KEYS));
    const next = key === null ? null : connection.range({ ...fixed(at), key, limit });
    // Told where it is awaited.
    next?.catch(() => undefined);
    await takeIn(answer, (one) => {
      mark.read(one);
      each(one);
    });
    if (next === null) return { revision: at, mark };
    answer = new RangeAnswer(await next);
  }
}

/** The first key that there may be behind all of the answer. */
function behindLast(answer: RangeAnswer): Buffer {
  const { bytes, start, end } = answer.at(answer.size - 1);
  return Buffer.concat([bytes.subarray(start, end), NUL]);
}

async function takeIn(answer: RangeAnswer, each: (key: KeyValue) => void): Promise<void> {
  let end = performance.now() + SLICE_MS;
  for (let i = 0; i < answer.size; i++) {
    if (i % SLICE_KEYS === 0 && performance.now() >= end) {
      await turn();
      end = performance.now() + SLICE_MS;
    }
    each(answer.at(i));
  }
}
