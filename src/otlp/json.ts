/** The messages of OTLP in JSON (opentelemetry-proto docs/specification.md): ids in hexadecimal, enums and flags as numbers, 64-bit integers as text. */
import {
  type Attribute,
  type AttributeValue,
  type Encoding,
  flagsOf,
  nanoseconds,
  type PartialSuccess,
  SCOPE,
  type Span,
  STATUS_ERROR,
} from './span.ts';

/** Of a text of the collector's. */
const MAX_MESSAGE = 1_024;

function anyValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return { intValue: String(value) };
  return { arrayValue: { values: value.map(anyValue) } };
}

function attributeOf([key, value]: Attribute): object {
  return { key, value: anyValue(value) };
}

function textOf(span: Span, most: number): string {
  const kept = span.attributes.slice(0, most);
  const dropped = span.attributes.length - kept.length;
  return JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.tracestate !== '' && { traceState: span.tracestate }),
    ...(span.parentId !== '' && { parentSpanId: span.parentId }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(nanoseconds(span.start)),
    endTimeUnixNano: String(nanoseconds(span.end)),
    attributes: kept.map(attributeOf),
    ...(dropped > 0 && { droppedAttributesCount: dropped }),
    status: span.isError ? { code: STATUS_ERROR } : {},
    flags: flagsOf(span),
  });
}

function writeSpan(span: Span, out: Buffer): number {
  let most = span.attributes.length;
  let text = textOf(span, most);
  while (Buffer.byteLength(text) > out.length && most > 0) {
    most = Math.floor(most / 2);
    text = textOf(span, most);
  }
  return out.write(text);
}

function writeRequest(resource: readonly Attribute[], version: string, spans: readonly Uint8Array[]): Buffer {
  const attributes = JSON.stringify(resource.map(attributeOf));
  const scope = JSON.stringify({ name: SCOPE, version });
  const pieces: Uint8Array[] = [
    Buffer.from(`{"resourceSpans":[{"resource":{"attributes":${attributes}},"scopeSpans":[{"scope":${scope},"spans":[`),
  ];
  const comma = Buffer.from(',');
  for (const [index, span] of spans.entries()) {
    if (index > 0) pieces.push(comma);
    pieces.push(span);
  }
  pieces.push(Buffer.from(']}]}]}'));
  return Buffer.concat(pieces);
}

function readPartialSuccess(body: Buffer): PartialSuccess | null {
  let partial: { rejectedSpans?: unknown; errorMessage?: unknown } | undefined;
  try {
    partial = (JSON.parse(body.toString()) as { partialSuccess?: typeof partial } | null)?.partialSuccess;
  } catch {
    return null;
  }
  const rejected = Number(partial?.rejectedSpans ?? 0) || 0;
  const message = String(partial?.errorMessage ?? '').slice(0, MAX_MESSAGE);
  return rejected === 0 && message === '' ? null : { rejected, message };
}

export const JSON_TEXT: Encoding = {
  contentType: 'application/json',
  span: writeSpan,
  request: writeRequest,
  partialSuccess: readPartialSuccess,
};
