/**
 * A service manager's ear: a unix socket for NOTIFY_SOCKET, and what comes there. Node has no such sockets, but reads
 * one that `systemd-socket-activate` has opened: this file is the program that it starts with the first message.
 */
import { read } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { findProgram } from '../../scripts/find-program.mjs';
import { startProcess, temporaryFolder, waitFor } from './tools.ts';

export const noNotifySocket = findProgram('systemd-socket-activate')
  ? false
  : 'systemd-socket-activate is not installed (package systemd)';

/** Systemd passes descriptors from here on. */
const FIRST_PASSED = 3;

export type NotifySocket = {
  /** For NOTIFY_SOCKET. */
  readonly path: string;
  /** Each as its lines, but for those by which a sender waits for its turn (BARRIER=1). */
  messages(): string[][];
};

/** One that listens until the test ends; `at`: a path that was chosen before. */
export async function openNotifySocket(t: { after(fn: () => unknown): unknown }, at = ''): Promise<NotifySocket> {
  const folder = temporaryFolder();
  const path = at === '' ? join(folder.path, 'notify') : at;
  const words = ['--datagram', `--listen=${path}`, process.execPath, import.meta.filename];
  const ear = startProcess('systemd-socket-activate', words);
  t.after(async () => {
    await ear.end('SIGKILL');
    folder.remove();
  });
  await waitFor(
    () => /Listening on/.test(ear.output()),
    () => `a socket at ${path}: ${ear.output()}`,
  );
  return {
    path,
    messages: () =>
      Array.from(ear.output().matchAll(/^message (.*)$/gm), ([, text]) =>
        (JSON.parse(text) as string).split('\n'),
      ).filter(([first]) => first !== 'BARRIER=1'),
  };
}

function hear(): void {
  const buffer = Buffer.alloc(65_536);
  const next = (): void =>
    read(FIRST_PASSED, buffer, 0, buffer.length, null, (error, length) => {
      if (error) throw error;
      process.stdout.write(`message ${JSON.stringify(buffer.toString('utf8', 0, length))}\n`);
      next();
    });
  next();
}

if (process.argv[1] === import.meta.filename) hear();
