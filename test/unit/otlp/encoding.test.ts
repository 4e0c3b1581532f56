/** What we write is what everybody reads: spans in both forms, by a decoder that knows nothing of ours. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { JSON_TEXT } from '../../../src/otlp/json.ts';
import { PROTOBUF } from '../../../src/otlp/protobuf.ts';
import { type Encoding, nanoseconds, type Span } from '../../../src/otlp/span.ts';
import { type CollectedSpan, decodeJson, decodeProtobuf, partialSuccess } from '../../harness/otlp.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const text = fc.string({ unit: 'grapheme', maxLength: 200 });
const attribute = fc.tuple(
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
  fc.oneof(text, fc.nat(), fc.maxSafeNat(), fc.boolean(), fc.array(text, { maxLength: 4 })),
);
const spans: fc.Arbitrary<Span> = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  parentId: fc.oneof(fc.constant(''), hex(16)),
  isParentRemote: fc.boolean(),
  tracestate: fc.constantFrom('', 'a=1,b=2'),
  name: text,
  kind: fc.constantFrom(2 as const, 3 as const),
  start: fc.double({ min: 0, max: 4e12, noNaN: true }),
  end: fc.double({ min: 0, max: 4e12, noNaN: true }),
  attributes: fc.uniqueArray(attribute, { maxLength: 12, selector: ([key]) => key }),
  isError: fc.boolean(),
});

function seen(span: Span): CollectedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentId: span.parentId,
    state: span.tracestate,
    name: span.name,
    kind: span.kind,
    start: nanoseconds(span.start),
    end: nanoseconds(span.end),
    attributes: Object.fromEntries(span.attributes) as CollectedSpan['attributes'],
    dropped: 0,
    status: span.isError ? 2 : 0,
    flags: span.isParentRemote ? 0x301 : 0x101,
  };
}

const RESOURCE = [
  ['service.name', 'é'],
  ['n', 1],
] as const;

function written(encoding: Encoding, all: readonly Span[], bytes = 65_536): Buffer {
  const records = all.map((span) => {
    const out = Buffer.alloc(bytes);
    return out.subarray(0, encoding.span(span, out));
  });
  return encoding.request(RESOURCE, '1.2', records);
}

const FORMS = [
  ['protobuf', PROTOBUF, decodeProtobuf],
  ['json', JSON_TEXT, decodeJson],
] as const;

for (const [name, encoding, decode] of FORMS) {
  test(`${name}: any spans are read as they were meant`, () => {
    fc.assert(
      fc.property(fc.array(spans, { maxLength: 4 }), (all) => {
        const batch = decode(written(encoding, all));
        assert.deepEqual(batch.resource, { 'service.name': 'é', n: 1 });
        assert.deepEqual({ ...batch.scope }, { name: 'tsuji', version: '1.2' });
        assert.deepEqual(batch.spans, all.map(seen));
      }),
    );
  });

  test(`${name}: attributes for which there is no room are left out, and counted`, () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: 1_500, max: 4_000 }), (span, bytes) => {
        const filler = Array.from({ length: 100 }, (_, n) => [`filler.${n}`, 'x'.repeat(60)] as const);
        const one = { ...span, name: 'GET', attributes: [...filler, ...span.attributes] };
        const [got] = decode(written(encoding, [one], bytes)).spans;
        assert.ok(got.dropped > 0);
        assert.equal(Object.keys(got.attributes).length + got.dropped, one.attributes.length);
        assert.equal(got.status, span.isError ? 2 : 0);
        assert.equal(got.traceId, span.traceId);
      }),
    );
  });
}

test('times are whole nanoseconds', () => {
  assert.equal(nanoseconds(1_700_000_000_123.25), 1_700_000_000_123_250_000n);
  assert.equal(nanoseconds(0.9999999), 1_000_000n);
});

test('what a collector says of spans that it has not taken is read', () => {
  assert.deepEqual(PROTOBUF.partialSuccess(partialSuccess(3, 'too old')), { rejected: 3, message: 'too old' });
  assert.equal(PROTOBUF.partialSuccess(partialSuccess(0, '')), null);
  assert.equal(PROTOBUF.partialSuccess(Buffer.alloc(0)), null);
  const json = (value: unknown) => JSON_TEXT.partialSuccess(Buffer.from(JSON.stringify(value)));
  assert.deepEqual(json({ partialSuccess: { rejectedSpans: '3', errorMessage: 'x' } }), { rejected: 3, message: 'x' });
  for (const nothing of [{}, null, 1, { partialSuccess: {} }, { partialSuccess: null }])
    assert.equal(json(nothing), null);
});

test('whatever a collector sends, reading it ends and says something or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const [, encoding] of FORMS) {
        const partial = encoding.partialSuccess(Buffer.from(bytes));
        assert.ok(partial === null || (partial.rejected >= 0 && typeof partial.message === 'string'));
      }
    }),
  );
});
