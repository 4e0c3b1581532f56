/** Pairs of downstream and exchange of one listener, used again and again: making one costs more than a small request. */
import type { WorkerContext } from '../../context.ts';
import { HttpExchange } from '../../exchange/http-exchange.ts';
import { Http1Downstream, type PairPool } from './http1-downstream.ts';

/** Kept for reuse; more than that were only needed in a burst. */
const MAX_FREE = 4_096;

export class Http1Pairs implements PairPool {
  private readonly worker: WorkerContext;
  private readonly free: Http1Downstream[] = [];

  constructor(worker: WorkerContext) {
    this.worker = worker;
  }

  take(): Http1Downstream {
    return this.free.pop() ?? this.make();
  }

  give(pair: Http1Downstream): void {
    if (this.free.length < MAX_FREE) this.free.push(pair);
  }

  private make(): Http1Downstream {
    const exchange = new HttpExchange(this.worker);
    const downstream = new Http1Downstream(this, exchange);
    exchange.downstream = downstream;
    return downstream;
  }
}

const pairs = new WeakMap<WorkerContext, Http1Pairs>();

export function pairsOf(worker: WorkerContext): Http1Pairs {
  let found = pairs.get(worker);
  if (found === undefined) {
    found = new Http1Pairs(worker);
    pairs.set(worker, found);
  }
  return found;
}
