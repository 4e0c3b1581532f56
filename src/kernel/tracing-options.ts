/** What workers are told of traces (shared/spec logs §5). Frozen plain data: it goes from the settings to them as it stands. */

export const PROPAGATORS = ['tracecontext', 'b3', 'b3multi', 'baggage'] as const;
export type Propagator = (typeof PROPAGATORS)[number];

/** Whom to believe what it says of traces: whose X-Forwarded-* are believed, everybody, nobody. */
export const TRACE_TRUSTS = ['forwarded', 'all', 'none'] as const;
export type TraceTrust = (typeof TRACE_TRUSTS)[number];

/** How spans are written. */
export const SPAN_ENCODINGS = ['protobuf', 'json'] as const;
export type SpanEncoding = (typeof SPAN_ENCODINGS)[number];

export type TracingOptions = {
  /** Fields that are read and written. */
  readonly propagation: readonly Propagator[];
  readonly trust: TraceTrust;
  /** Share of the new traces that are kept, 0 to 1. */
  readonly sampleRate: number;
  /** New traces that all workers together keep in a second; 0: no bound. */
  readonly maxPerSecond: number;
  /** Clients are told of their trace (`traceresponse`). */
  readonly response: boolean;
  /** Characters that the name of a span may have; 0: as many as it has. */
  readonly spanNameLimit: number;
  /** Lower-case names. */
  readonly capturedRequestHeaders: readonly string[];
  readonly capturedResponseHeaders: readonly string[];
  /** Of a query, parameters whose values are told. */
  readonly safeQueryParams: readonly string[];
  readonly encoding: SpanEncoding;
};
