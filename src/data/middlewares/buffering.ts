/** Reads requests and responses of a backend to their end before they go on (shared/spec frontend-options §2.7). */
import type { RequestHead } from '../../http/request-head.ts';
import type { BufferingOptions } from '../../middlewares/buffering.ts';
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
    const { maxRequestBodyBytes, retry } = this.options;
    if (maxRequestBodyBytes > 0) exchange.limitRequest(maxRequestBodyBytes);
    // A tunnel has no end to wait for.
    if (!head.tunnel) exchange.holdRequest(retry === null ? null : new Repetition(retry, head.method));
    return null;
  }

  wrap(exchange: Scope, inner: Downstream, events: WrapperEvents): Wrapper {
    return new BufferingDownstream(inner, events, exchange, this.options.maxResponseBodyBytes);
  }
}
