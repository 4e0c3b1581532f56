/** Stands between a listener and an exchange whose responses are compressed. Used again together with the exchange. */
import { acceptsGzip } from '../../http/compressed-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { Downstream } from '../downstream.ts';
import type { RequestHandler } from '../request-handler.ts';
import { CompressingDownstream } from './compressing-downstream.ts';

export class CompressingHandler implements RequestHandler {
  private readonly exchange: RequestHandler;
  private readonly out: CompressingDownstream;

  constructor(exchange: RequestHandler, wheel: TimerWheel) {
    this.exchange = exchange;
    this.out = new CompressingDownstream(exchange, wheel);
    exchange.downstream = this.out;
  }

  get downstream(): Downstream {
    return this.out.inner;
  }

  set downstream(inner: Downstream) {
    this.out.inner = inner;
  }

  begin(entryPoint: number, head: RequestHead): void {
    // gRPC frames and compresses its messages itself.
    const grpc = head.values('content-type').some((type) => /^application\/grpc/i.test(type));
    this.out.prepare(!grpc, !grpc && acceptsGzip(head.values('accept-encoding')));
    this.exchange.begin(entryPoint, head);
  }

  downstreamTrailers(trailers: string): void {
    this.exchange.downstreamTrailers(trailers);
  }

  downstreamBody(chunk: Uint8Array, last: boolean): void {
    this.exchange.downstreamBody(chunk, last);
  }

  downstreamWritable(): void {
    this.out.innerWritable();
  }

  downstreamAborted(): void {
    this.out.discard();
    this.exchange.downstreamAborted();
  }

  crash(error: unknown): void {
    this.exchange.crash(error);
  }
}
