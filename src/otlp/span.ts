/** A span as OpenTelemetry knows it (opentelemetry-proto trace/v1/trace.proto), as far as we have any of it. */

/** Of one span in its collector's form, bytes: attributes that do not fit are left out. */
export const MAX_SPAN_BYTES = 65_536;
export const SERVER_SPAN = 2;
export const CLIENT_SPAN = 3;
export const STATUS_ERROR = 2;
/** Of `Span.flags`: whether the parent is another process's is known, and it is. */
const HAS_REMOTE = 0x100;
const IS_REMOTE = 0x200;
const SAMPLED = 1;

export type AttributeValue = string | number | boolean | readonly string[];
export type Attribute = readonly [key: string, value: AttributeValue];

export type Span = {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** '' for none. */
  readonly parentId: string;
  readonly isParentRemote: boolean;
  /** '' for none. */
  readonly tracestate: string;
  readonly name: string;
  readonly kind: typeof SERVER_SPAN | typeof CLIENT_SPAN;
  /** Unix milliseconds, with a fraction. */
  readonly start: number;
  readonly end: number;
  /** Numbers are integers. */
  readonly attributes: readonly Attribute[];
  readonly isError: boolean;
};

export function flagsOf({ isParentRemote }: Span): number {
  return SAMPLED | HAS_REMOTE | (isParentRemote ? IS_REMOTE : 0);
}

/** Unix nanoseconds of Unix milliseconds. */
export function nanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}

/** What a collector says of spans that it has not taken, of those it was sent. */
export type PartialSuccess = { readonly rejected: number; readonly message: string };

/** One of the two forms in which OTLP/HTTP has its messages. */
export interface Encoding {
  readonly contentType: string;
  /** Writes a span at the start of `out` and returns its bytes. Attributes for which there is no room are left out. */
  span(span: Span, out: Buffer): number;
  /** An ExportTraceServiceRequest with spans that `span` has written. */
  request(resource: readonly Attribute[], version: string, spans: readonly Uint8Array[]): Buffer;
  /** Of an ExportTraceServiceResponse; null where all were taken, or nothing can be made of it. */
  partialSuccess(body: Buffer): PartialSuccess | null;
}

/** Who has made them. */
export const SCOPE = 'tsuji';
