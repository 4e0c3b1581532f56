/** What the HTTP/2 connections of one worker share: streams with their exchanges, used again and again, and readers of heads. */
import { RequestBlock, TrailerBlock } from '../../../http2/request-block.ts';
import type { WorkerContext } from '../../context.ts';
import { HttpExchange } from '../../exchange/http-exchange.ts';
import { Http2Downstream } from './http2-downstream.ts';

/** Pairs kept for reuse; more than that were only needed in a burst. */
const MAX_FREE = 4_096;

export class Http2Pool {
  readonly block: RequestBlock;
  readonly trailers: TrailerBlock;
  private readonly worker: WorkerContext;
  private readonly free: Http2Downstream[] = [];

  constructor(worker: WorkerContext) {
    const { maxFields } = worker.options;
    this.worker = worker;
    this.block = new RequestBlock(maxFields);
    this.trailers = new TrailerBlock(maxFields);
  }

  take(): Http2Downstream {
    const kept = this.free.pop();
    if (kept !== undefined) return kept;
    const exchange = new HttpExchange(this.worker);
    const stream = new Http2Downstream(exchange);
    exchange.downstream = stream;
    return stream;
  }

  give(stream: Http2Downstream): void {
    if (this.free.length < MAX_FREE) this.free.push(stream);
  }
}

const pools = new WeakMap<WorkerContext, Http2Pool>();

export function poolOf(worker: WorkerContext): Http2Pool {
  let pool = pools.get(worker);
  if (pool === undefined) {
    pool = new Http2Pool(worker);
    pools.set(worker, pool);
  }
  return pool;
}
