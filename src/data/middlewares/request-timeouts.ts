/** How long the requests of a frontend may take (shared/spec frontend-options §3.4). */
import type { RequestTimeouts } from '../../middlewares/timeouts.ts';
import type { Middleware, Scope } from '../middleware.ts';

export class RequestTime implements Middleware {
  private readonly options: RequestTimeouts;

  constructor(options: RequestTimeouts) {
    this.options = options;
  }

  request(exchange: Scope): null {
    exchange.limitTime(this.options.totalMs, this.options.bodyMs);
    return null;
  }
}
