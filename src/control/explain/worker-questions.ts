/** Asks a worker what would become of a request: it decides by what it serves with. */
import { timerSpan } from '../../kernel/durations.ts';
import type { Explained, ExplainedRequest } from '../../protocol/explanation.ts';
import type { WorkerFleet } from '../workers/worker-fleet.ts';
import type { NoAnswer } from './explanation.ts';

/** That wait for their answers. */
const MOST_WAITING = 16;
/** A worker that is too busy for so long has other things to do; the first password starts the threads that check it. */
const PATIENCE_MS = 15_000;

export class WorkerQuestions {
  private readonly fleet: () => WorkerFleet;
  private readonly waiting = new Map<number, (explained: Explained | null) => void>();
  private last = 0;

  constructor(fleet: () => WorkerFleet) {
    this.fleet = fleet;
  }

  async ask(request: ExplainedRequest): Promise<Explained | NoAnswer> {
    const index = this.fleet().serving;
    if (index < 0) return { reason: 'no worker serves' };
    if (this.waiting.size >= MOST_WAITING) return { reason: 'too many ask at once' };
    const id = ++this.last;
    const { promise, resolve } = Promise.withResolvers<Explained | null>();
    const timer = setTimeout(() => resolve(null), timerSpan(PATIENCE_MS));
    this.waiting.set(id, resolve);
    try {
      this.fleet().send(index, { kind: 'explain', id, request });
      return (await promise) ?? { reason: 'the worker that was asked has no answer' };
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  answered(id: number, explained: Explained | null): void {
    this.waiting.get(id)?.(explained);
  }
}
