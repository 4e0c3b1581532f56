/**
 * What middlewares have put around the client's side of one exchange. It is written to the last one, which writes to the one
 * before it, and so on to the client; that there is room again is told the other way.
 *
 *     exchange ──▶ last ──▶ … ──▶ first ──▶ client's side
 */
import type { Downstream } from '../downstream.ts';
import type { Middleware, Scope, Wrapper, WrapperEvents } from '../middleware.ts';

/** The exchange that writes. */
export interface WrappedExchange extends Scope {
  /** All that was written to the last one has gone out. */
  outWritable(): void;
  crash(error: unknown): void;
}

/** Where a wrapper tells that it can take more: to the next one, or to the exchange. */
export class WrapperLink implements WrapperEvents {
  next: Wrapper | null = null;
  private readonly exchange: WrappedExchange;

  constructor(exchange: WrappedExchange) {
    this.exchange = exchange;
  }

  downstreamWritable(): void {
    if (this.next === null) this.exchange.outWritable();
    else this.next.innerWritable();
  }

  crash(error: unknown): void {
    this.exchange.crash(error);
  }
}

/** An exchange has one as soon as there is a first wrapper. */
export class Wrappers {
  /** The link of the last one, null for none. */
  last: WrapperLink | null = null;
  private first: Wrapper | null = null;
  private readonly exchange: WrappedExchange;

  constructor(exchange: WrappedExchange) {
    this.exchange = exchange;
  }

  /** That of `step` around `out`, which was written to so far. Returns what is written to from now on. */
  add(step: Middleware, out: Downstream): Downstream {
    const { exchange } = this;
    const link = new WrapperLink(exchange);
    const wrapper = step.wrap!(exchange, out, link);
    if (wrapper === null) return out;
    if (this.last === null) this.first = wrapper;
    else this.last.next = wrapper;
    this.last = link;
    return wrapper;
  }

  /** Those behind `last` have no part in it any more. */
  leave(last: WrapperLink | null): void {
    this.last = last;
    if (last === null) this.first = null;
    else last.next = null;
  }

  /** The client's side can take more, or has sent all. */
  clientWritable(): void {
    if (this.first === null) this.exchange.outWritable();
    else this.first.innerWritable();
  }
}
