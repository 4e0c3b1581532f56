/** What a listener hands a request to, and whose side of it that is. */
import type { RequestHead } from '../http/request-head.ts';
import { CompressingHandler } from './compression/compressing-handler.ts';
import type { WorkerContext } from './context.ts';
import type { Downstream, DownstreamEvents } from './downstream.ts';
import { Exchange } from './exchange.ts';

export interface RequestHandler extends DownstreamEvents {
  /** Set once by the engine that owns this pair. */
  downstream: Downstream;
  /** A request has come; `head` is valid only during the call. */
  begin(entryPoint: number, head: RequestHead): void;
}

/** An exchange; behind a compressor on an entrypoint that compresses. */
export function requestHandler(worker: WorkerContext, entryPoint: number): RequestHandler {
  const exchange = new Exchange(worker);
  return worker.entryPoints[entryPoint].compress ? new CompressingHandler(exchange, worker.wheel) : exchange;
}
