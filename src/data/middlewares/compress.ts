/** Compresses the responses of an entrypoint by gzip for clients that take it (shared/spec cli-api §3). */
import { acceptsGzip } from '../../http/compressed-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { Downstream } from '../downstream.ts';
import type { Middleware, Scope, Wrapper, WrapperEvents } from '../middleware.ts';
import { CompressingDownstream } from './compressing-downstream.ts';

/** What is kept of a request. */
type Accepted = { readonly accepted: boolean };

const TAKES: Accepted = { accepted: true };
const TAKES_NOT: Accepted = { accepted: false };

export class Compress implements Middleware {
  request(exchange: Scope, head: RequestHead): null {
    // gRPC frames and compresses its messages itself.
    if (!head.isGrpc) exchange.keep(this, acceptsGzip(head.values('accept-encoding')) ? TAKES : TAKES_NOT);
    return null;
  }

  wrap(exchange: Scope, inner: Downstream, events: WrapperEvents): Wrapper | null {
    const kept = exchange.kept(this) as Accepted | undefined;
    if (kept === undefined) return null;
    return new CompressingDownstream(inner, events, exchange.worker.wheel, kept.accepted);
  }
}
