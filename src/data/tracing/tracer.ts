/**
 * The traces of one worker (shared/spec logs §5): whether a request belongs to one and whether that is kept, and at the end its
 * spans, in a ring that main empties. Nothing here waits: where the ring is full, spans are dropped and counted.
 */
import type { RequestHead } from '../../http/request-head.ts';
import type { RemoteContext } from '../../http/trace-context.ts';
import { randomHex } from '../../kernel/random-hex.ts';
import type { TracingOptions } from '../../kernel/tracing-options.ts';
import { encodingOf } from '../../otlp/encodings.ts';
import { type Encoding, MAX_SPAN_BYTES } from '../../otlp/span.ts';
import type { RingWriter } from '../../shared/byte-ring.ts';
import type { TraceBudget } from '../../shared/trace-budget.ts';
import type { Downstream } from '../downstream.ts';
import type { Marks } from '../exchange/marks.ts';
import type { Outcome } from '../exchange/outcome.ts';
import { ContextReader } from './context-reader.ts';
import { spansOf } from './exchange-spans.ts';
import { factsOf } from './facts.ts';
import { SPAN_ID, TRACE_ID, Trace } from './trace.ts';

/** Spans, or bytes of them, after which main is told that there are some. */
const MANY_SPANS = 256;
const MANY_BYTES = 524_288;
/** The last 13 digits of a trace-id are random in all that make any, and fit a number (W3C Trace Context level 2, §3.3.1.4). */
const RANDOM_DIGITS = 13;
const RANDOM_RANGE = 2 ** 52;

/** The exchange, as far as its trace goes. */
export interface Traced {
  readonly client: Downstream;
  readonly marks: Pick<Marks, 'wall'>;
}

export type TracerParts = {
  readonly options: TracingOptions;
  readonly entryPoints: readonly string[];
  readonly ring: RingWriter;
  readonly budget: TraceBudget;
  /** There are spans in the ring. */
  readonly ringFills: () => void;
};

export class Tracer {
  readonly options: TracingOptions;
  private readonly parts: TracerParts;
  private readonly reader: ContextReader;
  private readonly encoding: Encoding;
  private readonly scratch = Buffer.allocUnsafeSlow(MAX_SPAN_BYTES);
  private readonly safe: ReadonlySet<string>;
  private spans = 0;
  private bytes = 0;

  constructor(parts: TracerParts) {
    const { options } = parts;
    this.parts = parts;
    this.options = options;
    this.reader = new ContextReader(options.propagation);
    this.encoding = encodingOf(options.encoding);
    this.safe = new Set(options.safeQueryParams);
  }

  /** Of an exchange, for all that it serves. */
  makeTrace(): Trace {
    return new Trace(this.options.propagation);
  }

  /** A request has come; whom to trust is settled. */
  begin(trace: Trace, exchange: Traced, head: RequestHead): void {
    const { reader, options } = this;
    const { trust } = options;
    trace.reset();
    reader.read(head, trust === 'all' || (trust === 'forwarded' && head.trusted));
    const { context } = reader;
    const continues = context !== null && context.traceId !== '';
    trace.given = reader.given;
    trace.state = reader.tracestate;
    trace.traceId = continues ? context.traceId : randomHex(TRACE_ID);
    trace.parentId = continues ? context.spanId : '';
    trace.spanId = randomHex(SPAN_ID);
    trace.isDebug = context?.debug === true;
    trace.isSampled = this.isKept(trace.traceId, context, exchange.marks.wall);
    if (trace.isSampled) trace.request = factsOf(head, exchange.client, options.capturedRequestHeaders);
  }

  private isKept(traceId: string, context: RemoteContext | null, now: number): boolean {
    if (context !== null && context.sampled !== null) return context.sampled;
    const { sampleRate } = this.options;
    if (sampleRate < 1) {
      if (sampleRate === 0) return false;
      if (Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) >= sampleRate * RANDOM_RANGE) return false;
    }
    return this.parts.budget.take(now);
  }

  /** The exchange is over. */
  finish(trace: Trace, outcome: Outcome): void {
    if (!trace.isSampled) return;
    const { ring, entryPoints, ringFills } = this.parts;
    for (const span of spansOf(trace, outcome, entryPoints[outcome.entryPoint], this.options, this.safe)) {
      const length = this.encoding.span(span, this.scratch);
      if (!ring.push(this.scratch.subarray(0, length), 0)) ring.drop(0);
      this.spans++;
      this.bytes += length;
    }
    // Heads are long, and the exchange may wait for its next request for ever.
    trace.reset();
    if (this.spans < MANY_SPANS && this.bytes < MANY_BYTES) return;
    this.spans = 0;
    this.bytes = 0;
    ringFills();
  }
}
