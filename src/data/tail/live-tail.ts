/**
 * The requests of one worker that somebody looks at: each exchange is held against the filters of all tails, and those that one
 * wants to see go into the ring, so many a second at most. There is one only while somebody looks.
 */
import type { Tail, TailFilter, Tails } from '../../protocol/tails.ts';
import { RingWriter } from '../../shared/byte-ring.ts';
import type { LabelCounts } from '../../shared/label-counts.ts';
import { FAMILY } from '../../shared/label-families.ts';
import { RECORD_HEAD, type TailBuffers } from '../../shared/tail.ts';
import type { ExchangeRecord } from '../access-log/exchange-record.ts';
import type { Outcome } from '../exchange/outcome.ts';
import { TailEntry } from './tail-entry.ts';

type Watcher = {
  readonly tail: Tail;
  /** A token is a request that may be shown; as many as in a second at most. */
  tokens: number;
  /** Milliseconds of performance.now(). */
  filledAt: number;
};

export class LiveTail {
  private readonly ring: RingWriter;
  private readonly matched: Float64Array;
  private readonly index: number;
  private readonly entryPoints: readonly string[];
  private readonly labels: LabelCounts;
  /** Where exchanges that were looked at are counted; −1: none was. */
  private place = -1;
  private readonly entry = new TailEntry();
  private watchers: Watcher[] = [];
  private tails: Tails = { version: 0, list: [], showsQueries: false };

  /** `index`: of the worker. `entryPoints`: their names. */
  constructor({ ring, matched }: TailBuffers, index: number, entryPoints: readonly string[], labels: LabelCounts) {
    this.ring = new RingWriter(ring);
    this.matched = new Float64Array(matched);
    this.index = index;
    this.entryPoints = entryPoints;
    this.labels = labels;
  }

  /** From now on these look. Returns whether there are any. */
  watch(tails: Tails): boolean {
    const before = this.watchers;
    this.tails = tails;
    this.watchers = tails.list.map((tail) => {
      const known = before.find(({ tail: { since, number } }) => since === tail.since && number === tail.number);
      return known ?? { tail, tokens: tail.rate, filledAt: performance.now() };
    });
    return this.watchers.length > 0;
  }

  /** It is over. `target`: as received. `address`: of the client, as it is believed to be. */
  ended(outcome: Outcome, record: ExchangeRecord, target: string, address: string): void {
    const { entry, entryPoints, tails } = this;
    if (this.place < 0) this.place = this.labels.at(FAMILY.tail, [String(this.index)]);
    this.labels.add(this.place);
    entry.fill(outcome, record, target, address, entryPoints[outcome.entryPoint], tails.showsQueries);
    let wanted = 0;
    for (const watcher of this.watchers) {
      const { number, filter } = watcher.tail;
      if (!matches(filter, entry)) continue;
      this.matched[number]++;
      if (takesOne(watcher, outcome.marks.ended)) wanted |= 1 << number;
    }
    if (wanted !== 0) this.put(wanted);
  }

  /** One that finds no room is matched and not shown, which whoever looks is told. */
  private put(wanted: number): void {
    const text = this.entry.json();
    const { ring } = this;
    const at = ring.begin(RECORD_HEAD + Buffer.byteLength(text));
    if (at < 0) return;
    ring.bytes.writeUInt32LE(this.tails.version, at);
    ring.bytes[at + 4] = wanted;
    const length = ring.bytes.write(text, at + RECORD_HEAD);
    ring.commit(RECORD_HEAD + length, 0);
  }
}

export function matches(filter: TailFilter, entry: TailEntry): boolean {
  for (const test of filter) {
    if (holds(test, entry) === test.isNot) return false;
  }
  return true;
}

function holds(test: TailFilter[number], entry: TailEntry): boolean {
  if ('over' in test) {
    const number = entry.number(test.of);
    return number > test.over && number < test.under;
  }
  for (const text of entry.texts(test.of)) {
    const lower = text.toLowerCase();
    if (test.isWhole ? lower === test.value : lower.includes(test.value)) return true;
  }
  return false;
}

function takesOne(watcher: Watcher, now: number): boolean {
  const { rate } = watcher.tail;
  const passed = Math.max(now - watcher.filledAt, 0);
  watcher.tokens = Math.min(rate, watcher.tokens + (passed * rate) / 1_000);
  watcher.filledAt = now;
  if (watcher.tokens < 1) return false;
  watcher.tokens--;
  return true;
}
