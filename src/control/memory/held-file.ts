/**
 * What the guard holds, over a restart: these keys are neither in etcd any more nor in the snapshot, so they have a file of
 * their own beside it for as long as they are held, as lines of JSON.
 *
 *     {"v":1,"prefix":"/traefik","crc":C,"reason":R,"since":MS,"holdsAll":true,"backends":[…]}    CRC-32 of the lines below
 *     ["key","value"]
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { makeFolder } from '../../kernel/make-folder.ts';
import type { HeldKeys } from './removal-guard.ts';
import { readOwn } from './snapshot-file.ts';

const VERSION = 1;

function textOf(prefix: string, { keys, ...rest }: HeldKeys): string {
  const lines = [...keys].map((pair) => `${JSON.stringify(pair)}\n`).join('');
  return `${JSON.stringify({ v: VERSION, prefix, crc: crc32(lines), ...rest })}\n${lines}`;
}

/** Throws an Error with what is wrong with it. */
function parsed(text: string, prefix: string): HeldKeys {
  const end = text.indexOf('\n') + 1;
  const { v, prefix: of, crc, ...rest } = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
  if (v !== VERSION) throw new Error('it has another format');
  if (of !== prefix) throw new Error('it is of another prefix');
  if (crc !== crc32(text.slice(end))) throw new Error('a checksum does not fit');
  const pairs = text.slice(end).split('\n').slice(0, -1);
  // Whoever has written the checksum has written the rest.
  const held = rest as Omit<HeldKeys, 'keys'>;
  return { ...held, keys: new Map(pairs.map((pair) => JSON.parse(pair) as [string, string])) };
}

export class HeldFile {
  /** '' for none. */
  private readonly path: string;
  private readonly prefix: string;
  /** What is to be there, once `writing` is at its end. */
  private next: HeldKeys | null = null;
  private isBehind = false;
  private writing = Promise.resolve();
  private stopped = false;

  /** `snapshot`: its path, '' for none. `prefix`: of the keys. */
  constructor(snapshot: string, prefix: string) {
    this.path = snapshot === '' ? '' : `${snapshot}.held`;
    this.prefix = prefix;
  }

  /** null: nothing was held, or that cannot be read, which is told. */
  async read(): Promise<HeldKeys | null> {
    if (this.path === '') return null;
    try {
      const bytes = await readOwn(this.path);
      return bytes === null ? null : parsed(bytes.toString(), this.prefix);
    } catch (error) {
      log.event(EVENTS.heldLost, '', { path: this.path, reason: reasonOf(error) });
      return null;
    }
  }

  /** From now on this is held, null for nothing. */
  keep(held: HeldKeys | null): void {
    if (this.path === '' || this.stopped) return;
    this.next = held;
    if (this.isBehind) return;
    this.isBehind = true;
    this.writing = this.writing.then(() => this.write());
  }

  /** What is to be there is there. Nothing more afterwards: a successor may hold something else. */
  stop(): Promise<void> {
    this.stopped = true;
    return this.writing;
  }

  private async write(): Promise<void> {
    this.isBehind = false;
    try {
      if (this.next === null) await rm(this.path, { force: true });
      else await this.replace(textOf(this.prefix, this.next));
    } catch (error) {
      log.event(EVENTS.heldFailed, '', { path: this.path, reason: reasonOf(error) });
    }
  }

  private async replace(text: string): Promise<void> {
    makeFolder(dirname(this.path), 0o700);
    const next = `${this.path}.${process.pid}`;
    await rm(next, { force: true });
    // Private keys may be in it.
    const file = await open(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
      await rename(next, this.path);
    } finally {
      await file.close();
      await rm(next, { force: true });
    }
  }
}
