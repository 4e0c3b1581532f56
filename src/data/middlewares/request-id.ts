/** What one frontend has to say of the names of its requests (shared/spec frontend-options §3.12). */
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import type { RequestIdOptions } from '../../middlewares/request-id.ts';
import type { WorkerContext } from '../context.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { RequestIds } from '../request-ids.ts';

export class RequestId implements Middleware {
  private readonly options: RequestIdOptions;
  private readonly ofAll: RequestIds;
  private readonly own: RequestIds;

  constructor(options: RequestIdOptions, { requestIds }: WorkerContext) {
    const { mode, header, trust } = options;
    this.options = options;
    this.ofAll = requestIds;
    this.own = new RequestIds(mode ?? requestIds.mode, header.toLowerCase(), trust);
  }

  request(exchange: Scope, head: RequestHead): null {
    this.ofAll.restore(exchange, head);
    this.own.name(exchange, head);
    return null;
  }

  response(exchange: Scope, response: ResponseText): undefined {
    const { inResponse, header } = this.options;
    if (inResponse && exchange.requestId !== '') response.set(header, exchange.requestId);
  }
}
