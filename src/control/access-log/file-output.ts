/**
 * Lines into a file or stdout (shared/spec logs §2.6): each write(2) has whole lines, unless the system takes only a part of
 * what it is given, and then the next one begins with the rest.
 *
 * By node's own `writeSync` in a thread that does nothing else: sonic-boom, the usual writer, takes lines apart when it has
 * more than 16 KiB, and goes on after an error only when it is given more.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../kernel/make-folder.ts';
import type { LineBatch } from './line-batch.ts';
import type { LineOutput } from './line-output.ts';

const STDOUT = 1;
/** What a pipe takes as a whole or not at all (pipe(7), PIPE_BUF). */
const PIPE_BYTES = 4_096;
/** `O_NONBLOCK` keeps `open` from waiting for the reader of a named pipe. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
const FILE_MODE = 0o664;
const FOLDER_MODE = 0o755;

export class FileOutput implements LineOutput {
  private readonly path: string;
  /** −1: none is open. */
  private file = -1;
  private mostBytes = Number.POSITIVE_INFINITY;

  /** '': stdout. */
  constructor(path: string) {
    this.path = path;
  }

  get isStdout(): boolean {
    return this.path === '';
  }

  open(): void {
    if (this.isStdout) {
      this.use(STDOUT);
      return;
    }
    makeFolder(dirname(this.path), FOLDER_MODE);
    const opened = openSync(this.path, FLAGS, FILE_MODE);
    this.close();
    this.use(opened);
  }

  private use(file: number): void {
    this.file = file;
    const kind = fstatSync(file);
    this.mostBytes = kind.isFIFO() || kind.isSocket() ? PIPE_BYTES : Number.POSITIVE_INFINITY;
  }

  write(batch: LineBatch): void {
    const { length } = batch;
    while (batch.written < length) {
      const end = this.endOf(batch);
      batch.written += writeSync(this.file, batch.bytes, batch.written, end - batch.written);
    }
  }

  /** Where the next write ends: behind as many whole lines as may be, one at least. */
  private endOf({ ends, written, length }: LineBatch): number {
    const most = written + this.mostBytes;
    if (most >= length) return length;
    let end = 0;
    for (const each of ends) {
      if (each <= written) continue;
      if (end > 0 && each > most) break;
      end = each;
    }
    return end;
  }

  close(): void {
    if (this.file > STDOUT) closeSync(this.file);
    this.file = -1;
  }
}
