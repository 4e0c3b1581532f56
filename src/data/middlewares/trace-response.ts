/** What an answer says of the trace of its request, and what the trace says of the answer (shared/spec logs §5.1, §5.4). */

import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { traceparent } from '../../http/trace-context.ts';
import type { TracingOptions } from '../../kernel/tracing-options.ts';
import type { Middleware, Scope } from '../middleware.ts';

export class TraceResponse implements Middleware {
  private readonly tells: boolean;
  private readonly captures: boolean;

  constructor({ response, capturedResponseHeaders }: TracingOptions) {
    this.tells = response;
    this.captures = capturedResponseHeaders.length > 0;
  }

  static isAsked({ response, capturedResponseHeaders }: TracingOptions): boolean {
    return response || capturedResponseHeaders.length > 0;
  }

  response({ trace }: Scope, response: ResponseText): undefined {
    if (trace === null) return;
    if (this.tells) response.set('traceresponse', traceparent(trace.traceId, trace.spanId, trace.isSampled));
    if (this.captures && trace.isSampled) trace.clientHead = response.text;
  }
}

/** Of a frontend that wants none (`observability/tracing`): what its clients say of traces passes as it came. */
export class Untraced implements Middleware {
  request(exchange: Scope, head: RequestHead): null {
    exchange.trace?.restore(head);
    exchange.trace = null;
    return null;
  }
}
