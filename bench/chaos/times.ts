/** Spans of time, all in milliseconds of performance.now(). */

/** `to`: Infinity while it lasts. */
export type Span = { from: number; to: number };

export function meets(span: Span, from: number, to: number): boolean {
  return span.from <= to && span.to >= from;
}

export function covers(spans: readonly Span[], from: number, to: number): boolean {
  return spans.some((span) => span.from <= from && span.to >= to);
}
