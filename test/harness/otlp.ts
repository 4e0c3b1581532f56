/** A collector of traces by OTLP/HTTP, and what it makes of what it is sent. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
// protobufjs: made for any message, so that it shares nothing with our own encoder.
import protobuf from 'protobufjs';
import { listening } from './listening.ts';
import { waitFor } from './wait.ts';

type Scope = { after(fn: () => unknown): unknown };

/** The public messages (opentelemetry-proto), as far as they are used. */
const { root } = protobuf.parse(
  `syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message Response { PartialSuccess partial_success = 1; }
  message PartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
  message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
    uint32 dropped_attributes_count = 10; Status status = 15; fixed32 flags = 16;
  }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message ArrayValue { repeated AnyValue values = 1; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; }
  }`,
  { keepCase: false },
);
const REQUEST = root.lookupType('Request');
const RESPONSE = root.lookupType('Response');

type Value = {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  arrayValue?: { values?: Value[] };
};
type KeyValue = { key: string; value: Value };
type Raw = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  status?: { code?: number };
  flags?: number;
};
type RawRequest = {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: { scope: { name: string; version: string }; spans?: Raw[] }[];
  }[];
};

export type Attributes = Record<string, string | number | boolean | string[]>;

export type CollectedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly dropped: number;
  readonly status: number;
  readonly flags: number;
};

export type CollectedBatch = {
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
  readonly spans: readonly CollectedSpan[];
};

function anyValue(value: Value): string | number | boolean | string[] {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map((each) => each.stringValue ?? '');
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.boolValue ?? value.stringValue ?? '';
}

function attributesOf(pairs: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, anyValue(value)]));
}

function batchOf({ resourceSpans }: RawRequest): CollectedBatch {
  const [{ resource, scopeSpans }] = resourceSpans;
  const [{ scope, spans = [] }] = scopeSpans;
  return {
    resource: attributesOf(resource.attributes),
    scope,
    spans: spans.map((span) => ({
      traceId: span.traceId,
      spanId: span.spanId,
      parentId: span.parentSpanId ?? '',
      state: span.traceState ?? '',
      name: span.name,
      kind: span.kind,
      start: BigInt(span.startTimeUnixNano),
      end: BigInt(span.endTimeUnixNano),
      attributes: attributesOf(span.attributes),
      dropped: span.droppedAttributesCount ?? 0,
      status: span.status?.code ?? 0,
      flags: span.flags ?? 0,
    })),
  };
}

function hex(bytes: string | undefined): string {
  return Buffer.from(bytes ?? '', 'base64').toString('hex');
}

/** Of an ExportTraceServiceRequest in protobuf. */
export function decodeProtobuf(message: Uint8Array): CollectedBatch {
  const request = REQUEST.toObject(REQUEST.decode(message), { longs: String, bytes: String }) as RawRequest;
  for (const { scopeSpans } of request.resourceSpans) {
    for (const { spans = [] } of scopeSpans) {
      for (const span of spans) {
        span.traceId = hex(span.traceId);
        span.spanId = hex(span.spanId);
        span.parentSpanId = hex(span.parentSpanId);
      }
    }
  }
  return batchOf(request);
}

/** The same of one in JSON. */
export function decodeJson(message: Uint8Array): CollectedBatch {
  return batchOf(JSON.parse(Buffer.from(message).toString()) as RawRequest);
}

export function partialSuccess(rejectedSpans: number, errorMessage: string): Buffer {
  return Buffer.from(RESPONSE.encode({ partialSuccess: { rejectedSpans, errorMessage } }).finish());
}

/** What is answered to the `n`th batch, from 1 on; nothing: it has not answered yet, or never will. */
export type CollectorAnswer = (response: ServerResponse, n: number) => void;

export class FakeCollector {
  url = '';
  readonly batches: CollectedBatch[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  answer: CollectorAnswer;

  constructor(answer: CollectorAnswer) {
    this.answer = answer;
  }

  get spans(): CollectedSpan[] {
    return this.batches.flatMap(({ spans }) => spans);
  }

  /** Those of one trace, the SERVER span first. */
  of(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId).sort((a, b) => a.kind - b.kind);
  }

  /** `count` spans of that trace. */
  async trace(traceId: string, count: number): Promise<CollectedSpan[]> {
    await waitFor(() => this.of(traceId).length >= count, `${count} spans of the trace ${traceId}`);
    return this.of(traceId);
  }
}

export const taken: CollectorAnswer = (response) => void response.end();

export async function startCollector(t: Scope, answer: CollectorAnswer = taken): Promise<FakeCollector> {
  const collector = new FakeCollector(answer);
  const server = createServer(async (request, response) => {
    const body = gunzipSync(await buffer(request));
    const isJson = request.headers['content-type'] === 'application/json';
    collector.headers.push(request.headers);
    collector.batches.push(isJson ? decodeJson(body) : decodeProtobuf(body));
    collector.answer(response, collector.batches.length);
  });
  collector.url = `${await listening(t, server)}/v1/traces`;
  return collector;
}
