/**
 * The messages of OTLP in protobuf (opentelemetry-proto trace/v1, common/v1, collector/trace/v1). These few fields are written by
 * hand, since a library would build an object for each attribute of each span, in the worker that serves requests.
 *
 *     request   1 ResourceSpans { 1 Resource { 1 KeyValue … }, 2 ScopeSpans { 1 Scope { 1 name, 2 version }, 2 Span … } }
 *     span      1 trace_id  2 span_id  3 trace_state  4 parent_span_id  5 name  6 kind  7 start  8 end  9 KeyValue …
 *               10 dropped_attributes_count  15 Status { 3 code }  16 flags
 *     KeyValue  1 key  2 AnyValue { 1 string  2 bool  3 int  5 ArrayValue { 1 AnyValue … } }
 */
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

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** What comes behind the attributes: their dropped count, the status and the flags. */
const TAIL_BYTES = 24;
/** Characters that are written one by one. */
const SHORT = 128;
const MOST_KEYS = 1_024;
/** Of a text of the collector's. */
const MAX_MESSAGE = 1_024;

function tag(field: number, type: number): number {
  return (field << 3) | type;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Of a field with a one-byte tag and so many bytes. */
function fieldSize(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

/** In UTF-8. Most texts are short and ASCII, for which a call out of JavaScript would cost more than they do. */
function byteLength(text: string): number {
  const { length } = text;
  if (length > SHORT) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  return length;
}

/** Field 1 of a KeyValue, by key: they come from closed sets and from the configuration. */
const keyFields = new Map<string, Uint8Array>();

function keyFieldOf(key: string): Uint8Array {
  let field = keyFields.get(key);
  if (field === undefined) {
    const text = Buffer.from(key);
    const out = Buffer.alloc(fieldSize(text.length));
    new Writer(out).bytes(1, text);
    field = new Uint8Array(out);
    if (keyFields.size < MOST_KEYS) keyFields.set(key, field);
  }
  return field;
}

function valueSize(value: AttributeValue): number {
  if (typeof value === 'string') return fieldSize(byteLength(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return 1 + varintSize(value);
  return fieldSize(arraySize(value));
}

function arraySize(values: readonly string[]): number {
  return values.reduce((sum, value) => sum + fieldSize(valueSize(value)), 0);
}

function attributeSize([key, value]: Attribute): number {
  return keyFieldOf(key).length + fieldSize(valueSize(value));
}

/** Writes fields one behind the other; whoever writes has seen that there is room. */
class Writer {
  at = 0;
  private readonly out: Buffer;

  constructor(out: Buffer) {
    this.out = out;
  }

  get room(): number {
    return this.out.length - this.at;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.out[this.at++] = (rest % 0x80) | 0x80;
    this.out[this.at++] = rest;
  }

  tag(field: number, type: number): void {
    this.varint(tag(field, type));
  }

  /** A field whose `bytes` follow. */
  open(field: number, bytes: number): void {
    this.tag(field, BYTES);
    this.varint(bytes);
  }

  text(field: number, text: string): void {
    const bytes = byteLength(text);
    this.open(field, bytes);
    if (bytes !== text.length || bytes > SHORT) {
      this.at += this.out.write(text, this.at);
      return;
    }
    const { out } = this;
    for (let i = 0; i < bytes; i++) out[this.at++] = text.charCodeAt(i);
  }

  hex(field: number, digits: string): void {
    this.open(field, digits.length / 2);
    this.at += this.out.write(digits, this.at, 'hex');
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.open(field, bytes.length);
    this.out.set(bytes, this.at);
    this.at += bytes.length;
  }

  number(field: number, value: number): void {
    this.tag(field, VARINT);
    this.varint(value);
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, FIXED64);
    this.at = this.out.writeBigUInt64LE(value, this.at);
  }

  fixed32(field: number, value: number): void {
    this.tag(field, FIXED32);
    this.at = this.out.writeUInt32LE(value, this.at);
  }

  attribute(field: number, attribute: Attribute): void {
    const [key, value] = attribute;
    const keyField = keyFieldOf(key);
    const bytes = valueSize(value);
    this.open(field, keyField.length + fieldSize(bytes));
    this.out.set(keyField, this.at);
    this.at += keyField.length;
    this.open(2, bytes);
    this.value(value);
  }

  private value(value: AttributeValue): void {
    if (typeof value === 'string') {
      this.text(1, value);
    } else if (typeof value === 'boolean') {
      this.number(2, value ? 1 : 0);
    } else if (typeof value === 'number') {
      this.number(3, value);
    } else {
      this.open(5, arraySize(value));
      for (const text of value) {
        this.open(1, valueSize(text));
        this.value(text);
      }
    }
  }
}

/** Reads the fields of a message, of which it trusts nothing. */
class Reader {
  field = 0;
  /** Of a varint; beyond 2⁵³ about that. */
  number = 0;
  /** Of a field with bytes. */
  bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private readonly message: Buffer;

  constructor(message: Buffer) {
    this.message = message;
  }

  /** On to the next field. False: there is none, or what comes is no message. */
  next(): boolean {
    if (this.at >= this.message.length) return false;
    const key = this.varint();
    this.field = Math.floor(key / 8);
    this.number = 0;
    this.bytes = this.message.subarray(0, 0);
    switch (key % 8) {
      case VARINT:
        this.number = this.varint();
        break;
      case FIXED64:
        this.at += 8;
        break;
      case BYTES: {
        const length = this.varint();
        this.bytes = this.message.subarray(this.at, this.at + length);
        this.at += length;
        break;
      }
      case FIXED32:
        this.at += 4;
        break;
      default:
        this.at = Number.POSITIVE_INFINITY;
    }
    return this.at <= this.message.length;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 1; shift < 2 ** 70; shift *= 0x80) {
      if (this.at >= this.message.length) break;
      const byte = this.message[this.at++];
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    this.at = Number.POSITIVE_INFINITY;
    return 0;
  }
}

function writeSpan(span: Span, out: Buffer): number {
  const writer = new Writer(out);
  writer.hex(1, span.traceId);
  writer.hex(2, span.spanId);
  if (span.tracestate !== '') writer.text(3, span.tracestate);
  if (span.parentId !== '') writer.hex(4, span.parentId);
  writer.text(5, span.name);
  writer.number(6, span.kind);
  writer.fixed64(7, nanoseconds(span.start));
  writer.fixed64(8, nanoseconds(span.end));
  let dropped = 0;
  for (const attribute of span.attributes) {
    if (fieldSize(attributeSize(attribute)) + TAIL_BYTES > writer.room) dropped++;
    else writer.attribute(9, attribute);
  }
  if (dropped > 0) writer.number(10, dropped);
  if (span.isError) {
    writer.open(15, 2);
    writer.number(3, STATUS_ERROR);
  }
  writer.fixed32(16, flagsOf(span));
  return writer.at;
}

function writeRequest(resource: readonly Attribute[], version: string, spans: readonly Uint8Array[]): Buffer {
  const resourceBytes = resource.reduce((sum, attribute) => sum + fieldSize(attributeSize(attribute)), 0);
  const scopeBytes = fieldSize(Buffer.byteLength(SCOPE)) + fieldSize(Buffer.byteLength(version));
  const scopeSpans = spans.reduce((sum, { length }) => sum + fieldSize(length), fieldSize(scopeBytes));
  const resourceSpans = fieldSize(resourceBytes) + fieldSize(scopeSpans);
  const out = Buffer.allocUnsafe(fieldSize(resourceSpans));
  const writer = new Writer(out);
  writer.open(1, resourceSpans);
  writer.open(1, resourceBytes);
  for (const attribute of resource) writer.attribute(1, attribute);
  writer.open(2, scopeSpans);
  writer.open(1, scopeBytes);
  writer.text(1, SCOPE);
  writer.text(2, version);
  for (const span of spans) writer.bytes(2, span);
  return out;
}

function readPartialSuccess(body: Buffer): PartialSuccess | null {
  const response = new Reader(body);
  while (response.next()) {
    if (response.field !== 1) continue;
    const partial = new Reader(response.bytes);
    let rejected = 0;
    let message = '';
    while (partial.next()) {
      if (partial.field === 1) rejected = partial.number;
      else if (partial.field === 2) message = partial.bytes.toString('utf8', 0, MAX_MESSAGE);
    }
    return rejected === 0 && message === '' ? null : { rejected, message };
  }
  return null;
}

export const PROTOBUF: Encoding = {
  contentType: 'application/x-protobuf',
  span: writeSpan,
  request: writeRequest,
  partialSuccess: readPartialSuccess,
};
