/**
 * One watch of one key range on one etcd v3 connection, with a check that it has not gone silent.
 *
 * The stream is used bare: the Watcher of the etcd3 package moves its start revision to the one in the header of the
 * "created" answer, so a connection lost between that answer and the first events would lose them.
 */

import { EventEmitter, once } from 'node:events';
import { KVClient } from 'etcd3/lib/rpc.js';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { Slices } from '../routing/slices.ts';
import { Bell } from './bell.ts';
import type { EtcdV3Connection, WatchStream } from './etcd-v3-connection.ts';
import { type RevisionEvents, readWatchAnswer, type WatchAnswer } from './etcd-v3-watch-answer.ts';

export type KeyRange = { readonly start: Buffer /** Exclusive. */; readonly end: Buffer };

export type WatchTiming = {
  /** Pause between two checks of the watch. */
  readonly probeMs: number;
  /** A store that does not answer for so long is out of reach. */
  readonly deadlineMs: number;
};

export interface WatchObserver {
  /** Of the next revision that has some. */
  events(events: RevisionEvents): void;
  /** Everything up to this revision has been delivered. */
  confirmed(revision: number): void;
}

/** What was to be watched is not known any more. */
export class WatchCompacted extends TsujiError {
  /** The first that is. */
  readonly revision: number;

  constructor(wanted: number, revision: number) {
    super('WATCH_LOST', `revision ${wanted} was compacted before it was read`);
    this.revision = revision;
  }
}

function failure(reason: string): TsujiError {
  return new TsujiError('WATCH_LOST', reason);
}

class Watch {
  readonly #connection: EtcdV3Connection;
  readonly #range: KeyRange;
  readonly #timing: WatchTiming;
  readonly #observer: WatchObserver;
  readonly #bell: Bell;
  readonly #lost = Promise.withResolvers<never>();
  readonly #voice = new EventEmitter();
  /** Messages are read one after the other, and very large ones bit by bit. */
  readonly #reading = new Slices();
  #isOver = false;
  #created = false;
  #answersProgress = false;
  #heard = 0;
  /** The newest revision of which an event was delivered. */
  #delivered: number;
  /** The newest revision up to which the stream is known to be complete; never behind `#delivered`. */
  #complete: number;

  constructor(
    connection: EtcdV3Connection,
    range: KeyRange,
    after: number,
    timing: WatchTiming,
    to: WatchObserver,
    bell: Bell,
  ) {
    this.#connection = connection;
    this.#range = range;
    this.#timing = timing;
    this.#observer = to;
    this.#bell = bell;
    this.#delivered = after;
    this.#complete = after;
  }

  async run(signal: AbortSignal): Promise<never> {
    const over = new AbortController();
    const stopped = () => this.#lost.reject(failure('stopped'));
    signal.addEventListener('abort', stopped, { once: true });
    const stream = await this.#connection.watch();
    stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    stream.on('error', (error) => this.#lost.reject(failure(`the watch failed: ${error.message}`)));
    stream.on('end', () => this.#lost.reject(failure('etcd ended the watch')));
    stream.write({
      create_request: {
        key: this.#range.start,
        range_end: this.#range.end,
        start_revision: String(this.#delivered + 1),
        progress_notify: true,
      },
    });
    try {
      return await Promise.race([this.#lost.promise, this.#probeForEver(stream, over.signal)]);
    } finally {
      signal.removeEventListener('abort', stopped);
      this.#isOver = true;
      over.abort();
      stream.cancel();
    }
  }

  #receive(bytes: Buffer): void {
    this.#heard++;
    this.#reading.run(
      () => readWatchAnswer(bytes),
      (answer) => this.#take(answer),
      (error) => this.#lost.reject(failure(`the watch failed: ${reasonOf(error)}`)),
    );
  }

  #take({ revision, isOfWatch, isCreated, isCanceled, cancelReason, compactRevision, events }: WatchAnswer): void {
    if (this.#isOver) return;
    if (compactRevision > 0) {
      this.#lost.reject(new WatchCompacted(this.#delivered + 1, compactRevision));
      return;
    }
    if (isCanceled) {
      this.#lost.reject(failure(`etcd cancelled the watch: ${cancelReason}`));
      return;
    }
    for (const each of events) {
      this.#delivered = each.revision;
      this.#observer.events(each);
    }
    this.#complete = Math.max(this.#complete, this.#delivered);
    // Only an answer without events vouches for its header's revision: any other may run ahead of events to come.
    if (isCreated) this.#created = true;
    else if (events.length === 0) this.#complete = Math.max(this.#complete, revision);
    if (!isOfWatch) this.#answersProgress = true;
    this.#heard++;
    this.#voice.emit('heard');
  }

  async #probeForEver(stream: WatchStream, over: AbortSignal): Promise<never> {
    if (!(await this.#heardInTime(() => this.#created))) {
      throw failure(`etcd did not start the watch within ${this.#timing.deadlineMs} ms`);
    }
    for (;;) {
      await this.#bell.wait(this.#timing.probeMs, over);
      await this.#probe(stream);
      this.#observer.confirmed(this.#complete);
    }
  }

  /** Asks the cluster, by a read that needs its quorum, how far it is, and then the stream whether it is there too. */
  async #probe(stream: WatchStream): Promise<void> {
    const kv = new KVClient(this.#connection);
    const { start, end } = this.#range;
    const store = Number((await kv.range({ key: start, count_only: true })).header.revision);
    if (this.#complete >= store || this.#reading.isBusy) return;
    const heard = this.#heard;
    stream.write({ progress_request: {} });
    if (await this.#heardInTime(() => this.#complete >= store)) return;
    // Still catching up, which is not silence.
    if (this.#heard > heard) return;
    if (this.#answersProgress) throw failure(`the watch no longer answers at revision ${this.#delivered}`);
    // etcd before 3.4 ignores progress requests, and a busy one may take its time: then the keys say whether the watch has missed
    // anything. None is newer and they are as many as before: none was written, and none deleted.
    const complete = this.#complete;
    const at = (revision: number) => ({ key: start, range_end: end, revision: String(revision) });
    const newest = { limit: 1, keys_only: true, min_mod_revision: String(complete + 1) };
    const now = await kv.range({ ...at(store), ...newest });
    const before = await kv.range({ ...at(complete), count_only: true });
    if (this.#heard > heard) return;
    if (now.kvs.length > 0 || now.count !== before.count) {
      throw failure(`the watch has gone silent at revision ${this.#delivered}`);
    }
    this.#complete = store;
  }

  async #heardInTime(enough: () => boolean): Promise<boolean> {
    const deadline = AbortSignal.timeout(timerSpan(this.#timing.deadlineMs));
    while (!enough() && !deadline.aborted) {
      await once(this.#voice, 'heard', { signal: deadline }).catch(() => undefined);
    }
    return enough();
  }
}

/**
 * Watches `range` for what comes after revision `after`. Never resolves; rejects when the watch is lost, has gone
 * silent or fell behind a compaction, or when `signal` is aborted. `bell`: has it ask at once how far the store is.
 */
export function watchRange(
  connection: EtcdV3Connection,
  range: KeyRange,
  after: number,
  timing: WatchTiming,
  observer: WatchObserver,
  signal: AbortSignal,
  bell = new Bell(),
): Promise<never> {
  return new Watch(connection, range, after, timing, observer, bell).run(signal);
}
