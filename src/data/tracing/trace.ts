/**
 * The trace of one exchange: its ids, what has been decided, and what servers are told of it. One per exchange, used again
 * with it. What its spans will say is looked at only where it is sampled.
 */
import { b3, b3MultiLines } from '../../http/b3.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { traceparent } from '../../http/trace-context.ts';
import { randomHex } from '../../kernel/random-hex.ts';
import type { Propagator } from '../../kernel/tracing-options.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { RequestFacts } from './facts.ts';
import { ServerCall } from './server-call.ts';

/** Digits of ids. */
export const TRACE_ID = 32;
export const SPAN_ID = 16;
/** Tries and calls of one exchange that are told of. */
export const MOST_SPANS = 64;

/** A try that has got to a server. */
type SentTry = { readonly spanId: string; readonly target: string; readonly version: string; peer: string };

/** What a try goes over. */
type Way = Pick<Upstream, 'peer' | 'protocol'>;

export class Trace {
  traceId = '';
  /** Of the exchange. */
  spanId = '';
  /** That of the client; '' for none. */
  parentId = '';
  /** `tracestate`, '' for none. */
  state = '';
  isSampled = false;
  isDebug = false;
  /** Fields of the client that are off its head, as lines. */
  given = '';
  /** null where it is not sampled. */
  request: RequestFacts | null = null;
  /** By the number of tries before it. */
  readonly tries: (SentTry | undefined)[] = [];
  /** Backends that were left, and how many tries there had been by then. */
  readonly left: { readonly backend: string; readonly tries: number }[] = [];
  readonly calls: ServerCall[] = [];
  /** The last head of a server's, and that of the client's answer where that is captured. */
  serverHead = '';
  clientHead = '';
  /** The last status that a server has sent, 0 for none. */
  serverStatus = 0;
  private readonly propagation: readonly Propagator[];
  private own = '';

  constructor(propagation: readonly Propagator[]) {
    this.propagation = propagation;
  }

  reset(): void {
    this.request = null;
    this.own = '';
    this.serverHead = '';
    this.clientHead = '';
    this.serverStatus = 0;
    if (this.tries.length > 0) this.tries.length = 0;
    if (this.left.length > 0) this.left.length = 0;
    if (this.calls.length > 0) this.calls.length = 0;
  }

  /** As if nobody had looked: the fields of the client are on its head again. */
  restore(head: RequestHead): void {
    if (this.given !== '') head.addLines(this.given);
  }

  /** What a server is told, `name: value\r\n` lines. `spanId`: who asks. */
  linesOf(spanId: string): string {
    const { traceId, isSampled, isDebug, state } = this;
    const parent = spanId === this.spanId ? this.parentId : this.spanId;
    let lines = '';
    for (const propagator of this.propagation) {
      if (propagator === 'tracecontext') {
        lines += `traceparent: ${traceparent(traceId, spanId, isSampled)}\r\n`;
        if (state !== '') lines += `tracestate: ${state}\r\n`;
      } else if (propagator === 'b3') {
        lines += `b3: ${b3(traceId, spanId, parent, isSampled, isDebug)}\r\n`;
      } else if (propagator === 'b3multi') {
        lines += b3MultiLines(traceId, spanId, parent, isSampled, isDebug);
      }
    }
    return lines;
  }

  /** The same for a request that has no span of its own. */
  get ownLines(): string {
    if (this.own === '') this.own = this.linesOf(this.spanId);
    return this.own;
  }

  /**
   * The same for the try that has `before` others before it; a server that is asked anew on another connection is told the
   * same. `target`: what it is asked for.
   */
  tryLines(before: number, way: Way, target: string): string {
    if (!this.isSampled || before >= MOST_SPANS) return this.ownLines;
    const spanId = this.tries[before]?.spanId ?? randomHex(SPAN_ID);
    this.tries[before] = { spanId, target, version: way.protocol, peer: way.peer };
    return this.linesOf(spanId);
  }

  /** Whom it has reached of a server that was not connected to yet. */
  tryReached(before: number, peer: string): void {
    const one = this.tries[before];
    if (one !== undefined) one.peer = peer;
  }

  /** The backend is left for another one. */
  leaves(backend: string, tries: number): void {
    if (this.isSampled) this.left.push({ backend, tries });
  }

  /** The head of an answer of the server's. */
  answered(status: number, head: string): void {
    this.serverStatus = status;
    if (this.isSampled) this.serverHead = head;
  }

  /** An auth server is asked; null where it makes no span. */
  beginCall(): ServerCall | null {
    if (!this.isSampled || this.calls.length >= MOST_SPANS) return null;
    const call = new ServerCall(randomHex(SPAN_ID));
    this.calls.push(call);
    return call;
  }
}
