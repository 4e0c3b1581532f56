/** Reads requests and responses of a backend to their end before they go on (shared/spec frontend-options §2.7). */
import type { RequestHead } from '../../http/request-head.ts';
import { type BufferingOptions, DEFAULT_MEMORY_BYTES } from '../../middlewares/buffering.ts';
import { Repetition } from '../balancing/repetition.ts';
import type { Downstream } from '../downstream.ts';
import type { Middleware, Scope, Wrapper, WrapperEvents } from '../middleware.ts';
import { BufferingDownstream } from './buffering-downstream.ts';

export class Buffering implements Middleware {
  private readonly options: BufferingOptions;

  constructor(options: BufferingOptions) {
    this.options = options;
  }

  request(exchange: Scope, head: RequestHead): null {
    const { maxRequestBodyBytes, memRequestBodyBytes, maxResponseBodyBytes, retry } = this.options;
    if (maxRequestBodyBytes > 0) exchange.bodies.limitRequest(maxRequestBodyBytes);
    if (maxResponseBodyBytes > 0) exchange.bodies.limitHeldResponse(maxResponseBodyBytes);
    // A tunnel has no end to wait for.
    if (head.tunnel) return null;
    const repetition = retry === null ? null : new Repetition(retry, head.method);
    exchange.bodies.holdRequest(memRequestBodyBytes || DEFAULT_MEMORY_BYTES, repetition);
    return null;
  }

  wrap(exchange: Scope, inner: Downstream, events: WrapperEvents): Wrapper {
    const { maxResponseBodyBytes, memResponseBodyBytes } = this.options;
    const memoryBytes = memResponseBodyBytes || DEFAULT_MEMORY_BYTES;
    return new BufferingDownstream(inner, events, exchange, maxResponseBodyBytes, memoryBytes);
  }
}
