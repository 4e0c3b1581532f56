/**
 * How an exchange ended, HTTP or WebSocket: the one thing that whoever counts, logs or judges exchanges reads. One per
 * worker, filled at the end of each exchange and valid only while it is passed around.
 */

import type { TlsTraits } from '../../kernel/tls-traits.ts';
import type { ObservabilityOptions } from '../../middlewares/observability.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView, ServerView } from '../../table/views.ts';
import type { Trace } from '../tracing/trace.ts';
import type { Marks } from './marks.ts';

/** What Traefik counts where the server says nothing. */
const GRPC_UNKNOWN = 2;

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
  /** The trace that it belongs to; null without tracing. */
  trace: Trace | null = null;
  /** Null where none was found, or it never came to routing. */
  frontend: FrontendView | null = null;
  /** Where it was sent to, or would have been; null without a frontend. */
  backend: BackendView | null = null;
  /** That of the last try; null where there was none. */
  server: ServerView | null = null;
  /** Of the client's connection; null in the clear, and where the engine does not know. */
  tls: TlsTraits | null = null;
  /** Values of `--metrics.prometheus.headerLabels`; null where there are none. */
  headers: readonly string[] | null = null;
  /** One of PROTOCOL. */
  protocol: number = PROTOCOL.http;
  /** As received. */
  method = '';
  /** What the client was sent, or would have been; 101 for a WebSocket that was open. */
  status = 0;
  /** That of gRPC, as its server says; -1 for none. */
  grpcStatus = -1;
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

  /** The label of that name: the status of gRPC where it is spoken, as Traefik has it. */
  get code(): number {
    if (this.protocol < PROTOCOL.grpc) return this.status;
    return this.grpcStatus < 0 ? GRPC_UNKNOWN : this.grpcStatus;
  }
}
