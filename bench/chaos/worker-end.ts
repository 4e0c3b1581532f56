/** Preloaded into tsuji: the first worker that finds the file CHAOS_WORKER_END has an uncaught error. */
import { rmSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 20;

const path = process.env.CHAOS_WORKER_END;
if (!isMainThread && path !== undefined) {
  setInterval(() => {
    try {
      rmSync(path);
    } catch {
      return;
    }
    throw new Error('an end that chaos has asked for');
  }, LOOK_MS).unref();
}
