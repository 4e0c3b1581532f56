/**
 * Preloaded into every test file (scripts/test.ts). With --test-force-exit Node ends the process before it has told all results:
 * of a file with many short tests some tens were lost, on a busy machine more. So the end waits until nothing more is told.
 */
import { isMainThread } from 'node:worker_threads';

/** Between two looks. */
const LOOK_MS = 5;
/** So many looks in a row at which nothing was told. */
const QUIET = 4;

if (isMainThread) {
  const { exit } = process;
  let isEnding = false;
  process.exit = ((code?: number | string | null) => {
    if (code !== undefined) process.exitCode = code;
    if (isEnding) return;
    isEnding = true;
    let told = -1;
    let quiet = 0;
    const look = (): void => {
      const { bytesWritten, writableLength } = process.stdout as typeof process.stdout & { bytesWritten: number };
      quiet = bytesWritten === told && writableLength === 0 ? quiet + 1 : 0;
      told = bytesWritten;
      if (quiet >= QUIET) exit.call(process);
      else setTimeout(look, LOOK_MS);
    };
    look();
  }) as typeof process.exit;
}
