/**
 * How an exchange ended, HTTP or WebSocket: the one thing that whoever counts, logs or judges exchanges reads. One per
 * worker, filled at the end of each exchange and valid only while it is passed around.
 */

import type { ObservabilityOptions } from '../../middlewares/observability.ts';
import type { MetricsLane } from '../../shared/metrics.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView, ServerView } from '../../table/views.ts';
import type { Marks } from './marks.ts';

/** Do requests of that frontend count for series of backends? */
export function countsForBackend(frontend: FrontendView | null): boolean {
  if (frontend === null || frontend.options === null) return true;
  return (frontend.options.observability as ObservabilityOptions | undefined)?.metrics !== false;
}

export class Outcome {
  /** Index. */
  entryPoint = 0;
  /** '' for none (shared/spec logs §2.4). */
  requestId = '';
  /** Null where none was found, or it never came to routing. */
  frontend: FrontendView | null = null;
  /** Where it was sent to, or would have been; null without a frontend. */
  backend: BackendView | null = null;
  /** That of the last try; null where there was none. */
  server: ServerView | null = null;
  /** One of PROTOCOL. */
  protocol: number = PROTOCOL.http;
  /** As received. */
  method = '';
  /** What the client was sent, or would have been; 101 for a WebSocket that was open. */
  status = 0;
  /** The one reason why it ended as it did (shared/spec logs §2.2): `ok`, or the code of a fault in lower case. */
  cause = 'ok';
  /** Servers that were asked, 0 for none. */
  tries = 0;
  /** When what happened, and how long it took. Set before it is first read. */
  marks!: Marks;
  /** From the request's head to the end of the response, seconds. */
  seconds = 0;
  /** Bytes of the bodies. */
  requestBytes = 0;
  responseBytes = 0;

  /** Adds it to what a worker counts. */
  count(metrics: MetricsLane): void {
    const { method, status, protocol, seconds, requestBytes, responseBytes } = this;
    metrics.entryPointDone(this.entryPoint, method, status, protocol, seconds, requestBytes, responseBytes);
    if (this.backend === null || !countsForBackend(this.frontend)) return;
    metrics.backendDone(this.backend.slot, method, status, protocol, seconds, requestBytes, responseBytes);
  }
}
