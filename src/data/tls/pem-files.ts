/**
 * A certificate and its key as files, for uWebSockets, which reads nothing else. The files have no name when the key is
 * written: they are opened anew through their descriptors. So nobody else can open them, and nothing is left of them,
 * however the process ends.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { WorkerCertificate } from '../../protocol/messages.ts';

/** In memory, where there is such a thing. */
const FOLDERS = ['/dev/shm', tmpdir()];
const DESCRIPTORS = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd';

/** A file that only its descriptor leads to. */
function openUnnamed(folder: string): number {
  const own = mkdtempSync(join(folder, 'tsuji-'));
  try {
    return openSync(join(own, randomUUID()), 'wx+', 0o600);
  } finally {
    rmSync(own, { recursive: true });
  }
}

function openSomewhere(): number {
  let reason = '';
  for (const folder of FOLDERS) {
    try {
      return openUnnamed(folder);
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  throw new TsujiError('NO_KEY_FILE', `a private key cannot be handed to uWebSockets (Engine:uws with TLS): ${reason}`);
}

function withFile<Result>(bytes: Uint8Array, use: (path: string) => Result): Result {
  const descriptor = openSomewhere();
  try {
    // At a position: where descriptors share one, it stays at the start.
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, at);
    return use(`${DESCRIPTORS}/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Calls `use` with paths that hold during the call.
 * @throws TsujiError NO_KEY_FILE when neither /dev/shm nor the folder for temporary files can be written to
 */
export function withPemFiles<Result>(
  { cert, key }: Pick<WorkerCertificate, 'cert' | 'key'>,
  use: (cert: string, key: string) => Result,
): Result {
  return withFile(cert, (certPath) => withFile(key, (keyPath) => use(certPath, keyPath)));
}
