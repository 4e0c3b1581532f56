/**
 * The threads of workers. To load its code takes a thread longer than all the rest of its boot, so those of the start begin with
 * that while main still loads its own and reads the store; each waits for its boot record then.
 */
import { type ResourceLimits, SHARE_ENV, Worker } from 'node:worker_threads';

const WORKER_URL = new URL('../../data/worker.ts', import.meta.url);

function startThread(index: number, heap: ResourceLimits): Worker {
  return new Worker(WORKER_URL, {
    workerData: { index },
    name: `worker-${index}`,
    resourceLimits: heap,
    // uWebSockets reads the real environment (src/data/listener/uws.ts); a copy would hide from it what a worker sets.
    env: SHARE_ENV,
  });
}

function sameHeap(one: ResourceLimits, other: ResourceLimits): boolean {
  return (
    one.maxOldGenerationSizeMb === other.maxOldGenerationSizeMb &&
    one.maxYoungGenerationSizeMb === other.maxYoungGenerationSizeMb
  );
}

/** A thread that nobody has told what to do. It keeps the process from nothing. */
class EarlyThread {
  readonly thread: Worker;
  readonly #heap: ResourceLimits;
  #failed = false;

  constructor(index: number, heap: ResourceLimits) {
    this.#heap = heap;
    this.thread = startThread(index, heap);
    this.thread.unref();
    // Whoever takes its place fails for the same reason, and is heard.
    const failed = (): void => {
      this.#failed = true;
    };
    this.thread.on('error', failed).on('exit', failed);
  }

  fits(heap: ResourceLimits): boolean {
    return !this.#failed && sameHeap(heap, this.#heap);
  }

  take(): Worker {
    this.thread.removeAllListeners('error').removeAllListeners('exit').ref();
    return this.thread;
  }
}

export class WorkerThreads {
  /** By the index of their worker. */
  readonly #early = new Map<number, EarlyThread>();

  /** For workers that will be needed, as it seems. */
  startEarly(count: number, heap: ResourceLimits): void {
    for (let index = 0; index < count; index++) this.#early.set(index, new EarlyThread(index, heap));
  }

  /** One that waits for its boot record. */
  take(index: number, heap: ResourceLimits): Worker {
    const early = this.#early.get(index);
    if (early === undefined || !early.fits(heap)) return startThread(index, heap);
    this.#early.delete(index);
    return early.take();
  }

  /** Those that nobody has needed end. Nothing of uWebSockets is open in them, which would end the process. */
  endEarly(): void {
    for (const { thread } of this.#early.values()) void thread.terminate();
    this.#early.clear();
  }
}
