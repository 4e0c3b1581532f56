/**
 * The bytes of a snapshot of keys, which outlives the process: all keys of each source at one revision, and behind that
 * what has changed since. Changes are only appended, so that one costs what it touches.
 *
 *     file    = MAGIC │ base, newest BLOCK.whole │ changes │ changes │ confirmed │ …
 *     base    = header │ source │ keys │ keys │ … │ source │ keys │ … │ changes while it was written │ whole
 *     block   = length of the content │ CRC-32 of the content │ content           numbers: 32 bits, little-endian
 *     content = kind, one byte │ JSON object │ line end │ record │ record │ …
 *     record  = bytes of the key │ bytes of the value, with LEASED or not, or DELETED │ key │ value   UTF-8
 *
 * What is cut off or damaged before `whole` is no snapshot. Behind it the file is one up to the first block that does not
 * hold, which a machine that lost its power leaves behind: that is how the keys were, only earlier.
 */
import { crc32 } from 'node:zlib';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { quoted } from '../../kernel/quote.ts';
import type { Change, SourceName } from '../source/source.ts';
import type { KeyValues } from '../source/source-keys.ts';

export const SNAPSHOT_REFUSED = 'SNAPSHOT_REFUSED';

const SIGNATURE = 'tsuji snapshot ';
/** To be raised with every change of the bytes. Of version 1 no key was LEASED. */
const VERSION = 2;
const READABLE: readonly string[] = ['1', String(VERSION)];
export const MAGIC = Buffer.from(`${SIGNATURE}${VERSION}\n`);

const BLOCK = { header: 0x68, source: 0x73, keys: 0x6b, changes: 0x63, confirmed: 0x74, whole: 0x77 } as const;
const BLOCK_HEAD_BYTES = 8;
const RECORD_HEAD_BYTES = 8;
const DELETED = 0xffffffff;
/** It goes with a lease, or has a TTL. */
const LEASED = 0x40000000;
const LINE_END = 0x0a;
const NO_RECORDS = Buffer.alloc(0);

const SOURCES: ReadonlySet<unknown> = new Set<SourceName>(['etcdv3', 'etcdv2', 'folder']);

export type SnapshotHeader = {
  /** Of the keys: leading slash, no trailing one. */
  readonly prefix: string;
  /** Of the tsuji that wrote it. */
  readonly tsuji: string;
};

/** What is known of a source besides its keys. */
export type SourceMark = {
  readonly name: SourceName;
  readonly revision: string;
  /** As in SourceStatus. */
  readonly tree?: string;
  readonly aliasProblem?: string;
  /** Unix milliseconds at which the store last confirmed that this is all. */
  readonly confirmedAt: number;
};

export type RememberedSource = SourceMark & {
  readonly entries: ReadonlyMap<string, string>;
  /** Those of them that go with a lease, or have a TTL. */
  readonly leased: ReadonlySet<string>;
};

/** Does that key go with a lease, or has it a TTL? */
export type IsLeased = (key: string) => boolean;

export type Snapshot = {
  readonly header: SnapshotHeader;
  readonly sources: readonly RememberedSource[];
  /** Bytes at the end that do not hold, 0 for none. */
  readonly damaged: number;
};

function block(kind: number, fields: object, records: readonly Buffer[] = []): Buffer {
  const text = Buffer.from(JSON.stringify(fields));
  const kindByte = Buffer.from([kind]);
  const content = [kindByte, text, Buffer.from([LINE_END]), ...records];
  let length = 0;
  let crc = 0;
  for (const part of content) {
    length += part.length;
    crc = crc32(part, crc);
  }
  const head = Buffer.allocUnsafe(BLOCK_HEAD_BYTES);
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(crc, 4);
  return Buffer.concat([head, ...content], BLOCK_HEAD_BYTES + length);
}

function record(key: string, value: string | null, isLeased: boolean): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const valueBytes = value === null ? 0 : Buffer.byteLength(value);
  const bytes = Buffer.allocUnsafe(RECORD_HEAD_BYTES + keyBytes + valueBytes);
  bytes.writeUInt32LE(keyBytes, 0);
  bytes.writeUInt32LE(value === null ? DELETED : isLeased ? valueBytes + LEASED : valueBytes, 4);
  bytes.write(key, RECORD_HEAD_BYTES);
  if (value !== null) bytes.write(value, RECORD_HEAD_BYTES + keyBytes);
  return bytes;
}

export function headerBlock(header: SnapshotHeader): Buffer {
  return block(BLOCK.header, header);
}

/** All keys of that source follow. */
export function sourceBlock(mark: SourceMark): Buffer {
  return block(BLOCK.source, mark);
}

export function changesBlock(mark: SourceMark, changes: readonly Change[], isLeased: IsLeased): Buffer {
  return block(
    BLOCK.changes,
    mark,
    changes.map(({ key, value }) => record(key, value, isLeased(key))),
  );
}

/** The sources are as they were, at a later time. */
export function confirmedBlock(marks: readonly SourceMark[]): Buffer {
  return block(BLOCK.confirmed, { marks });
}

/** The base is complete. */
export function wholeBlock(): Buffer {
  return block(BLOCK.whole, {});
}

/**
 * Blocks of the keys of the source whose block came last, each a little over `bytes` long. The map may change between
 * two of them: whoever writes them appends what has changed meanwhile.
 */
export function* keysBlocks(entries: KeyValues, bytes: number, isLeased: IsLeased): Generator<Buffer> {
  let records: Buffer[] = [];
  let size = 0;
  for (const [key, value] of entries) {
    const next = record(key, value, isLeased(key));
    records.push(next);
    size += next.length;
    if (size < bytes) continue;
    yield block(BLOCK.keys, {}, records);
    records = [];
    size = 0;
  }
  if (records.length > 0) yield block(BLOCK.keys, {}, records);
}

function refused(reason: string, cause?: unknown): TsujiError {
  return new TsujiError(SNAPSHOT_REFUSED, reason, { cause });
}

/** Of the keys in a file; null when it is none. */
export function prefixOf(file: Buffer): string | null {
  try {
    const start = MAGIC.length + BLOCK_HEAD_BYTES + 1;
    const { prefix } = JSON.parse(file.toString('utf8', start, file.indexOf(LINE_END, start))) as SnapshotHeader;
    return prefix;
  } catch {
    return null;
  }
}

function isMark(value: unknown): value is SourceMark {
  if (typeof value !== 'object' || value === null) return false;
  const { name, revision, tree, aliasProblem, confirmedAt } = value as Record<string, unknown>;
  return (
    SOURCES.has(name) &&
    typeof revision === 'string' &&
    typeof confirmedAt === 'number' &&
    (tree === undefined || typeof tree === 'string') &&
    (aliasProblem === undefined || typeof aliasProblem === 'string')
  );
}

/** Of one source, live. */
export type KeysThen = { readonly entries: ReadonlyMap<string, string>; readonly leased: ReadonlySet<string> };

/** Whoever goes through a file as its keys change. Only what is whole is shown. */
export type SnapshotVisitor = {
  /** What `mark` says comes next; false: that is enough. */
  readonly before: (mark: SourceMark) => boolean;
  /** These are the keys as `mark` says. */
  readonly at: (mark: SourceMark, keys: KeysThen) => void;
};

/** Of one source. */
class Keys {
  readonly entries = new Map<string, string>();
  readonly leased = new Set<string>();

  put(key: string, value: string, isLeased: boolean): void {
    this.entries.set(key, value);
    if (isLeased) this.leased.add(key);
    else this.leased.delete(key);
  }

  delete(key: string): void {
    this.entries.delete(key);
    this.leased.delete(key);
  }
}

class Reader {
  private readonly sources = new Map<SourceName, { mark: SourceMark; keys: Keys }>();
  private filling: Keys | null = null;
  private readonly visitor: SnapshotVisitor | null;
  header: SnapshotHeader | null = null;
  isWhole = false;
  /** The visitor has seen enough. */
  isOver = false;

  constructor(visitor: SnapshotVisitor | null) {
    this.visitor = visitor;
  }

  /** Throws an Error for what cannot be. */
  take(content: Buffer): void {
    const end = content.indexOf(LINE_END);
    if (end < 0) throw new Error('a block has no line');
    const fields: unknown = JSON.parse(content.toString('utf8', 1, end));
    const records = content.subarray(end + 1);
    switch (content[0]) {
      case BLOCK.header:
        this.header = fields as SnapshotHeader;
        return;
      case BLOCK.source:
        this.filling = this.markOf(fields, new Keys());
        return;
      case BLOCK.keys:
        if (this.filling === null) throw new Error('keys of no source');
        this.apply(records, this.filling);
        return;
      case BLOCK.changes:
        this.step(fields, records);
        return;
      case BLOCK.confirmed:
        for (const mark of (fields as { marks: unknown[] }).marks) this.step(mark, NO_RECORDS);
        return;
      case BLOCK.whole:
        if (this.header === null) throw new Error('it has no header');
        this.isWhole = true;
        for (const { mark, keys } of this.sources.values()) this.visitor?.at(mark, keys);
        return;
      default:
        throw new Error(`a block has the unknown kind ${content[0]}`);
    }
  }

  private step(fields: unknown, records: Buffer): void {
    const visitor = this.isWhole ? this.visitor : null;
    if (this.isOver || (visitor !== null && isMark(fields) && !visitor.before(fields))) {
      this.isOver = true;
      return;
    }
    const keys = this.markOf(fields, null);
    this.apply(records, keys);
    visitor?.at(this.sources.get((fields as SourceMark).name)!.mark, keys);
  }

  remembered(): RememberedSource[] {
    return [...this.sources.values()].map(({ mark, keys: { entries, leased } }) => ({ ...mark, entries, leased }));
  }

  /** `keys`: those that it begins with; null: it goes on with what it has. */
  private markOf(fields: unknown, keys: Keys | null): Keys {
    if (!isMark(fields)) throw new Error('a block is of no source');
    const known = keys ?? this.sources.get(fields.name)?.keys;
    if (known === undefined) throw new Error('changes of a source without keys');
    this.sources.set(fields.name, { mark: fields, keys: known });
    return known;
  }

  private apply(records: Buffer, keys: Keys): void {
    let at = 0;
    while (at < records.length) {
      const keyBytes = records.readUInt32LE(at);
      const word = records.readUInt32LE(at + 4);
      const isDeleted = word === DELETED;
      const isLeased = !isDeleted && (word & LEASED) !== 0;
      const value = at + RECORD_HEAD_BYTES + keyBytes;
      const end = value + (isDeleted ? 0 : isLeased ? word - LEASED : word);
      if (end > records.length) throw new Error('a key is longer than its block');
      const key = records.toString('utf8', at + RECORD_HEAD_BYTES, value);
      if (isDeleted) keys.delete(key);
      else keys.put(key, records.toString('utf8', value, end), isLeased);
      at = end;
    }
  }
}

/**
 * What stands in the file at its end, or where `visitor` has seen enough.
 * @throws TsujiError SNAPSHOT_REFUSED with what is wrong with it
 */
export function readSnapshot(file: Buffer, visitor: SnapshotVisitor | null = null): Snapshot {
  const line = file.toString('latin1', 0, MAGIC.length + 8).split('\n', 1)[0];
  if (!line.startsWith(SIGNATURE)) throw refused('it is no snapshot of tsuji');
  const version = line.slice(SIGNATURE.length);
  if (!READABLE.includes(version)) {
    throw refused(`it has the format ${quoted(version)}, and this tsuji reads ${READABLE.join(' and ')}`);
  }
  const reader = new Reader(visitor);
  let at = MAGIC.length;
  while (at < file.length && !reader.isOver) {
    try {
      const content = at + BLOCK_HEAD_BYTES;
      const end = content + file.readUInt32LE(at);
      if (end > file.length) throw new Error('it ends within a block');
      const bytes = file.subarray(content, end);
      if (crc32(bytes) !== file.readUInt32LE(at + 4)) throw new Error('a checksum does not fit');
      reader.take(bytes);
      at = end;
    } catch (error) {
      if (!reader.isWhole) throw refused(`it is damaged at byte ${at}: ${reasonOf(error)}`, error);
      break;
    }
  }
  const { header } = reader;
  if (header === null || !reader.isWhole) throw refused('it is cut off');
  return { header, sources: reader.remembered(), damaged: file.length - at };
}
