/** The fields of traces: what is read of them, and that nothing else is (W3C Trace Context, B3). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { b3, b3MultiLines, parseB3, parseB3Multi } from '../../../src/http/b3.ts';
import { joinedTracestate, parseTraceparent, traceparent } from '../../../src/http/trace-context.ts';
import { randomHex } from '../../../src/kernel/random-hex.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const CONTEXT = { traceId: TRACE, spanId: SPAN, sampled: true, debug: false };
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const id = (length: number) => hex(length).filter((text) => !/^0+$/.test(text));

test('a traceparent that we write is read', () => {
  fc.assert(
    fc.property(id(32), id(16), fc.boolean(), (traceId, spanId, sampled) => {
      assert.deepEqual(parseTraceparent(traceparent(traceId, spanId, sampled)), {
        traceId,
        spanId,
        sampled,
        debug: false,
      });
    }),
  );
});

test('a traceparent cut anywhere is none, and so is one with any other character', () => {
  for (let length = 0; length < PARENT.length; length++) {
    assert.equal(parseTraceparent(PARENT.slice(0, length)), null);
    for (const other of ['g', 'A', ' ', '-', '\u0130', '']) {
      const text = PARENT.slice(0, length) + other + PARENT.slice(length + 1);
      if (text !== PARENT) assert.equal(parseTraceparent(text), null, text);
    }
  }
});

const PARENTS: readonly [string, boolean | null][] = [
  [PARENT, true],
  [`00-${TRACE}-${SPAN}-00`, false],
  [`00-${TRACE}-${SPAN}-02`, false],
  [`00-${TRACE}-${SPAN}-ff`, true],
  [`cc-${TRACE}-${SPAN}-01`, true],
  [`cc-${TRACE}-${SPAN}-01-what-comes`, true],
  [`cc-${TRACE}-${SPAN}-01.what`, null],
  [`00-${TRACE}-${SPAN}-01-what`, null],
  [`ff-${TRACE}-${SPAN}-01`, null],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, null],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, null],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
  [` ${PARENT}`, null],
];

for (const [text, sampled] of PARENTS) {
  test(`${text} is ${sampled === null ? 'no traceparent' : sampled ? 'sampled' : 'not sampled'}`, () => {
    assert.deepEqual(parseTraceparent(text), sampled === null ? null : { ...CONTEXT, sampled });
  });
}

test('tracestate is sent on as it came, several lines as one, and not at all where it is malformed', () => {
  const long = Array.from({ length: 32 }, (_, n) => `k${n}=v`).join(',');
  for (const text of [
    'a=1',
    'a=1, b=2 ,',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    't@v=x',
    '1a=x y',
    long,
    'a= b',
    '',
  ]) {
    assert.equal(joinedTracestate([text]), text);
  }
  assert.equal(joinedTracestate(['a=1', 'b=2']), 'a=1,b=2');
  const bad = [
    `${long},x=1`,
    'a',
    '=1',
    'a=',
    'A=1',
    'a=1=2',
    'a=1,a=2',
    'a=\x7f',
    'a=é',
    'a b=1',
    `${'a'.repeat(257)}=1`,
  ];
  for (const text of [...bad, `a=${'v'.repeat(257)}`]) assert.equal(joinedTracestate([text]), '', text);
});

test('B3 is read in either form, and a short trace-id is padded', () => {
  const short = TRACE.slice(16);
  const padded = short.padStart(32, '0');
  const one: readonly [string, object | null][] = [
    [`${TRACE}-${SPAN}`, { ...CONTEXT, sampled: null }],
    [`${TRACE}-${SPAN}-1`, CONTEXT],
    [`${TRACE}-${SPAN}-0-${SPAN}`, { ...CONTEXT, sampled: false }],
    [`${TRACE}-${SPAN}-d`, { ...CONTEXT, debug: true }],
    [`${short}-${SPAN}-1`, { ...CONTEXT, traceId: padded }],
    [`${TRACE.toUpperCase()}-${SPAN}-1`, CONTEXT],
    ['0', { traceId: '', spanId: '', sampled: false, debug: false }],
    ['d', { traceId: '', spanId: '', sampled: true, debug: true }],
    ['', null],
    ['x', null],
    [TRACE, null],
    [`${TRACE}-`, null],
    [`${TRACE}-${SPAN}-`, null],
    [`${TRACE}-${SPAN}-1-`, null],
    [`${TRACE}-${SPAN}-1-x`, null],
    [`${TRACE}-${SPAN}-1-${SPAN}-`, null],
    [`${'0'.repeat(32)}-${SPAN}-1`, null],
    [`${TRACE.slice(1)}-${SPAN}-1`, null],
  ];
  for (const [text, context] of one) assert.deepEqual(parseB3(text), context, text);
  assert.deepEqual(parseB3Multi(TRACE, SPAN, '1', ''), CONTEXT);
  assert.deepEqual(parseB3Multi(short, SPAN, 'true', ''), { ...CONTEXT, traceId: padded });
  assert.deepEqual(parseB3Multi(TRACE, SPAN, '', ''), { ...CONTEXT, sampled: null });
  assert.deepEqual(parseB3Multi(TRACE, SPAN, '', '1'), { ...CONTEXT, debug: true });
  assert.deepEqual(parseB3Multi('', '', '0', ''), { traceId: '', spanId: '', sampled: false, debug: false });
  for (const [trace, span, sampled] of [
    ['', '', ''],
    ['', SPAN, '1'],
    [TRACE, '', '1'],
    [TRACE, SPAN, '2'],
    ['x', SPAN, '1'],
  ]) {
    assert.equal(parseB3Multi(trace, span, sampled, ''), null);
  }
});

test('what we write of B3 is read', () => {
  fc.assert(
    fc.property(
      id(32),
      id(16),
      fc.oneof(fc.constant(''), id(16)),
      fc.boolean(),
      fc.boolean(),
      (trace, span, parent, kept, debug) => {
        const sampled = kept || debug;
        const context = { traceId: trace, spanId: span, sampled, debug };
        assert.deepEqual(parseB3(b3(trace, span, parent, sampled, debug)), context);
        const lines = new Map(
          b3MultiLines(trace, span, parent, sampled, debug)
            .trim()
            .split('\r\n')
            .map((line) => line.split(': ') as [string, string]),
        );
        const field = (name: string): string => lines.get(`x-b3-${name}`) ?? '';
        assert.deepEqual(parseB3Multi(field('traceid'), field('spanid'), field('sampled'), field('flags')), context);
        assert.equal(field('parentspanid'), parent);
      },
    ),
  );
});

test('nothing that may come makes a parser throw, or an id that is none', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9a-f-]{0,80}$/));
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      for (const context of [parseTraceparent(a), parseB3(a), parseB3Multi(a, b, c, '')]) {
        if (context === null || context.traceId === '') continue;
        assert.match(context.traceId, /^(?!0+$)[0-9a-f]{32}$/);
        assert.match(context.spanId, /^(?!0+$)[0-9a-f]{16}$/);
      }
      assert.ok([a, ''].includes(joinedTracestate([a])));
    }),
  );
});

test('random ids are what they should be, and nobody has them twice', () => {
  const ids = Array.from({ length: 3_000 }, (_, n) => randomHex(n % 2 === 0 ? 32 : 16));
  for (const [n, one] of ids.entries()) assert.match(one, n % 2 === 0 ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
});
