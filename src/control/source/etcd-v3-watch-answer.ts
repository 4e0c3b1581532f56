/**
 * A message of a watch of etcd v3, read from its bytes bit by bit (etcd's rpc.proto and kv.proto):
 *
 *     WatchResponse  1 ResponseHeader { 3 revision }  2 watch_id  3 created  4 canceled  5 compact_revision  6 cancel_reason  11 Event …
 *     Event          1 type: 0 put, 1 delete  2 KeyValue
 *
 * A deletion of all keys is one message: of 300 000 keys it held the loop for 866 ms while protobufjs made objects of it. etcd can
 * send it in fragments, but takes quadratic time for that.
 */
import type { Steps } from '../../kernel/steps.ts';
import { Fields, HEADER, unreadable } from './etcd-v3-fields.ts';
import { KeyValue } from './etcd-v3-key-value.ts';

const ANSWER = {
  ...{ header: 1, watchId: 2, created: 3, canceled: 4, compactRevision: 5, cancelReason: 6, event: 11 },
} as const;
const EVENT = { type: 1, kv: 2 } as const;
const DELETE = 1;

/** What has become of one key. */
export type KeyEvent = { readonly isDeleted: boolean; readonly kv: KeyValue };

/** All events of one revision, in the order of etcd; each is made when it is asked for. */
export class RevisionEvents implements Iterable<KeyEvent> {
  readonly revision: number;
  readonly #bytes: Buffer;
  /** Where each begins and ends. */
  readonly #places: number[] = [];

  constructor(bytes: Buffer, revision: number) {
    this.#bytes = bytes;
    this.revision = revision;
  }

  add(start: number, end: number): void {
    this.#places.push(start, end);
  }

  *[Symbol.iterator](): Generator<KeyEvent, undefined> {
    for (let i = 0; i < this.#places.length; i += 2) {
      yield eventAt(this.#bytes, this.#places[i]!, this.#places[i + 1]!);
    }
  }
}

export type WatchAnswer = {
  /** Of the store when it was sent. */
  readonly revision: number;
  /** Absent of an answer to a progress request, which is of no watch (etcd 3.4 and later). */
  readonly isOfWatch: boolean;
  readonly isCreated: boolean;
  readonly isCanceled: boolean;
  readonly cancelReason: string;
  /** The first revision that is still known, where one was asked for that is not; else 0. */
  readonly compactRevision: number;
  /** In the order of etcd, which never spreads a revision over messages. */
  readonly events: readonly RevisionEvents[];
};

/** Throws TsujiError BAD_ANSWER for what cannot be read; events that it gives can. */
export function* readWatchAnswer(bytes: Buffer): Steps<WatchAnswer> {
  let [revision, isOfWatch, isCreated, isCanceled, cancelReason, compactRevision] = [0, true, false, false, '', 0];
  const events: RevisionEvents[] = [];
  const fields = new Fields(bytes, 0, bytes.length);
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === ANSWER.event) {
      yield;
      const at = eventAt(bytes, fields.start, fields.stop).kv.revision;
      if (events.at(-1)?.revision !== at) events.push(new RevisionEvents(bytes, at));
      events.at(-1)!.add(fields.start, fields.stop);
    } else if (field === ANSWER.header) revision = revisionIn(new Fields(bytes, fields.start, fields.stop));
    // Of 64 bits with a sign, of which -1 says that.
    else if (field === ANSWER.watchId) isOfWatch = fields.number() <= Number.MAX_SAFE_INTEGER;
    else if (field === ANSWER.created) isCreated = fields.number() !== 0;
    else if (field === ANSWER.canceled) isCanceled = fields.number() !== 0;
    else if (field === ANSWER.compactRevision) compactRevision = fields.number();
    else if (field === ANSWER.cancelReason) cancelReason = bytes.toString('utf8', fields.start, fields.stop);
    else fields.skip();
  }
  return { revision, isOfWatch, isCreated, isCanceled, cancelReason, compactRevision, events };
}

function eventAt(bytes: Buffer, start: number, end: number): KeyEvent {
  const fields = new Fields(bytes, start, end);
  let type = 0;
  let kv: KeyValue | null = null;
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === EVENT.type) type = fields.number();
    else if (field === EVENT.kv) kv = new KeyValue(bytes, fields.start, fields.stop);
    else fields.skip();
  }
  if (kv === null) throw unreadable();
  return { isDeleted: type === DELETE, kv };
}

function revisionIn(header: Fields): number {
  let revision = 0;
  for (let field = header.next(); field !== 0; field = header.next()) {
    if (field === HEADER.revision) revision = header.number();
    else header.skip();
  }
  return revision;
}
