/** Refuses or breaks off what is longer than a frontend allows (shared/spec frontend-options §3.3). */
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS } from '../../kernel/errors.ts';
import type { LimitsOptions } from '../../middlewares/limits.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';

export class Limits implements Middleware {
  private readonly options: LimitsOptions;

  constructor(options: LimitsOptions) {
    this.options = options;
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const { maxRequestBodyBytes, maxResponseBodyBytes, maxTargetBytes } = this.options;
    if (maxTargetBytes > 0 && Buffer.byteLength(head.target) > maxTargetBytes) return localReply(FAULTS.targetTooLong);
    if (maxRequestBodyBytes > 0) {
      if (head.contentLength > maxRequestBodyBytes) return localReply(FAULTS.bodyTooLarge);
      exchange.bodies.limitRequest(maxRequestBodyBytes);
    }
    if (maxResponseBodyBytes > 0) exchange.bodies.limitResponse(maxResponseBodyBytes);
    return null;
  }
}
