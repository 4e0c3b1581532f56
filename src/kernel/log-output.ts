/**
 * Where the lines of the log go: standard output, or a file that is opened anew on request. Whoever writes never waits:
 * what a slow reader or disk has not taken stands in a row of bounded length, and beyond that lines are refused. (A
 * library for this writes in the thread pool, where a pipe that nobody reads would keep the process from ending.)
 */
import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.ts';

const STDOUT = 1;
/** Lines, of 4 KiB at most. */
const MOST_WAITING = 1_000;
/** Of a file, in one write. */
const LINES_PER_WRITE = 16;
/** Until a pipe that is full is tried again, milliseconds. */
const AGAIN_MS = 20;
/** `O_NONBLOCK` keeps `open` from waiting for the reader of a named pipe. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
const FILE_MODE = 0o664;
const FOLDER_MODE = 0o755;

type Target = {
  /** Takes whole lines from the front of `lines`; `done` once they are out, or why they are not, with how many those were. */
  readonly write: (lines: string[], done: (lost: number, error: NodeJS.ErrnoException | null) => void) => void;
  readonly close: () => void;
};

/** Of anything that has a descriptor and is neither a pipe nor a socket. */
function fileTarget(fd: number): Target {
  return {
    write(lines, done) {
      const taken = lines.splice(0, LINES_PER_WRITE);
      const bytes = Buffer.from(taken.join(''));
      let written = 0;
      const step = (): void => {
        write(fd, bytes, written, (error, count) => {
          if (error === null) written += count;
          if (error?.code === 'EAGAIN') setTimeout(step, AGAIN_MS);
          else if (error !== null) done(taken.length, error);
          else if (written < bytes.length) step();
          else done(0, null);
        });
      };
      step();
    },
    close: () => closeSync(fd),
  };
}

/** Of standard output as a pipe or a socket. A line by itself fits into a pipe at once (PIPE_BUF), so that none is torn. */
function streamTarget(socket: Socket): Target {
  let fail: (error: Error) => void = () => {};
  socket.on('error', (error) => fail(error));
  return {
    write(lines, done) {
      fail = (error) => done(lines.length, error);
      // As long as it is taken at once there is nothing to wait for, and what is said last before a crash is out.
      while (lines.length > 0) {
        const line = lines.shift()!;
        let isWaited = false;
        socket.write(line, (error) => {
          if (isWaited && error == null) done(0, null);
        });
        if (socket.writableLength > 0) {
          isWaited = true;
          return;
        }
      }
      done(0, null);
    },
    close: () => socket.destroy(),
  };
}

let stdout: Target | null = null;

/** One for the process. It is closed at its end alone: the next file to be opened would get its number. */
function stdoutTarget(): Target {
  const kind = fstatSync(STDOUT);
  stdout ??=
    kind.isFIFO() || kind.isSocket()
      ? streamTarget(new Socket({ fd: STDOUT, readable: false, writable: true }))
      : fileTarget(STDOUT);
  return stdout;
}

/** Is standard output a stream to the journal, as systemd says (systemd.exec(5), JOURNAL_STREAM)? */
export function isJournal(env: NodeJS.ProcessEnv): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  const { dev, ino } = fstatSync(STDOUT, { bigint: true });
  return env.JOURNAL_STREAM === `${dev}:${ino}`;
}

/** The file to append to; its folders are made. @throws as `fs` does */
function opened(path: string): number {
  makeFolder(dirname(path), FOLDER_MODE);
  return openSync(path, FLAGS, FILE_MODE);
}

export class LogOutput {
  /** '' for standard output. */
  readonly path: string;
  /** So many lines could not be written. */
  private readonly onLost: (lines: number) => void;
  private target: Target;
  /** Opened anew meanwhile, or at the end: to be closed when what is under way is out. */
  private readonly closing: Target[] = [];
  private readonly waiting: string[] = [];
  private isWriting = false;
  private isEnding = false;
  /** Nobody reads it any more. */
  private isGone = false;

  /** @throws as `fs` does when the file cannot be opened */
  constructor(path: string, onLost: (lines: number) => void) {
    this.path = path;
    this.onLost = onLost;
    this.target = path === '' ? stdoutTarget() : fileTarget(opened(path));
  }

  /** False: there is no room for it. */
  push(line: string): boolean {
    if (this.isGone) return true;
    if (this.waiting.length >= MOST_WAITING) return false;
    this.waiting.push(line);
    this.next();
    return true;
  }

  /** The file under the same name; a write that is under way ends in the one from before. @throws as `fs` does, and that one stays */
  reopen(): void {
    const next = fileTarget(opened(this.path));
    this.closing.push(this.target);
    this.target = next;
    this.next();
  }

  /** What waits still goes out. */
  end(): void {
    this.isEnding = true;
    this.next();
  }

  /** At the end of the process: what waits does not go out, or it would wait as well. */
  abandon(): void {
    this.isGone = true;
    this.waiting.length = 0;
    if (this.path === '') this.target.close();
  }

  private next(): void {
    if (this.isWriting) return;
    if (this.waiting.length === 0) {
      if (this.isEnding && this.path !== '') this.closing.push(this.target);
      this.isEnding = false;
      for (const target of this.closing.splice(0)) target.close();
      return;
    }
    this.isWriting = true;
    this.target.write(this.waiting, (lost, error) => {
      this.isWriting = false;
      if (error?.code === 'EPIPE') {
        this.isGone = true;
        this.waiting.length = 0;
      } else if (lost > 0) this.onLost(lost);
      this.next();
    });
  }
}
