/** Which requests belong to which trace, and which of those are kept (shared/spec logs §5.1, §5.2). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Trace } from '../../../src/data/tracing/trace.ts';
import { Tracer } from '../../../src/data/tracing/tracer.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import type { TracingOptions } from '../../../src/kernel/tracing-options.ts';
import { createByteRing, RingWriter } from '../../../src/shared/byte-ring.ts';
import { createTraceBudget, TraceBudget } from '../../../src/shared/trace-budget.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const CLIENT = { peerAddress: () => '192.0.2.1', secure: false, httpVersion: '1.1' };

const OPTIONS: TracingOptions = {
  propagation: ['tracecontext'],
  trust: 'forwarded',
  sampleRate: 1,
  maxPerSecond: 0,
  response: false,
  spanNameLimit: 0,
  capturedRequestHeaders: [],
  capturedResponseHeaders: [],
  safeQueryParams: [],
  encoding: 'protobuf',
};

function tracerOf(options: Partial<TracingOptions> = {}, budget = createTraceBudget()): Tracer {
  const all = { ...OPTIONS, ...options };
  return new Tracer({
    options: all,
    entryPoints: ['http'],
    ring: new RingWriter(createByteRing(1_024, 8, 1_024)),
    budget: new TraceBudget(budget, all.maxPerSecond),
    ringFills: () => {},
  });
}

type Fields = readonly (readonly [string, string])[];

function headOf(fields: Fields, trusted = true): RequestHead {
  const head = new RequestHead();
  head.begin('GET', '/', '/');
  head.add('host', 'a');
  for (const [name, value] of fields) head.add(name, value);
  head.trusted = trusted;
  return head;
}

function begun(tracer: Tracer, fields: Fields, trusted = true, wall = 1_000): { trace: Trace; head: RequestHead } {
  const head = headOf(fields, trusted);
  const trace = tracer.makeTrace();
  tracer.begin(trace, { client: CLIENT as never, marks: { wall } }, head);
  return { trace, head };
}

test('a trace goes on only for whom it is trusted to', () => {
  const fields: Fields = [
    ['traceparent', PARENT],
    ['tracestate', 'a=1'],
    ['baggage', 'b'],
  ];
  for (const [trust, trusted, goesOn] of [
    ['forwarded', true, true],
    ['forwarded', false, false],
    ['all', false, true],
    ['none', true, false],
  ] as const) {
    const { trace, head } = begun(tracerOf({ trust, propagation: ['tracecontext', 'baggage'] }), fields, trusted);
    assert.equal(trace.traceId === TRACE, goesOn);
    assert.deepEqual([trace.parentId, trace.state], goesOn ? [SPAN, 'a=1'] : ['', '']);
    assert.deepEqual(head.values('baggage'), goesOn ? ['b'] : []);
    assert.deepEqual([...head.values('traceparent'), ...head.values('tracestate')], []);
    const lines = trace.linesOf(SPAN);
    assert.ok(lines.startsWith(`traceparent: 00-${trace.traceId}-${SPAN}-01\r\n`));
    assert.equal(lines.includes('tracestate: a=1'), goesOn);
  }
});

test('what is not to be read passes, and what was read can be put back', () => {
  const { trace, head } = begun(tracerOf(), [
    ['traceparent', 'bad'],
    ['b3', '1'],
    ['uber-trace-id', 'x'],
    ['baggage', 'b'],
    ['tracestate', 'c'],
  ]);
  assert.deepEqual([head.values('b3'), head.values('uber-trace-id'), head.values('baggage')], [['1'], ['x'], ['b']]);
  assert.deepEqual(head.values('traceparent'), []);
  trace.restore(head);
  assert.deepEqual([head.values('traceparent'), head.values('tracestate')], [['bad'], ['c']]);
});

test('of several forms b3 counts before b3multi, and that before traceparent; all that are on are written', () => {
  const other = TRACE.replace('4', '5');
  const third = TRACE.replace('4', '6');
  const b3: Fields = [['b3', `${other}-${SPAN}-0`]];
  const multi: Fields = [
    ['x-b3-traceid', third],
    ['x-b3-spanid', SPAN],
    ['x-b3-flags', '1'],
  ];
  const w3c: Fields = [
    ['traceparent', PARENT],
    ['tracestate', 'a=1'],
  ];
  const tracer = tracerOf({ propagation: ['tracecontext', 'b3', 'b3multi'] });
  const first = begun(tracer, [...w3c, ...multi, ...b3]).trace;
  assert.deepEqual([first.traceId, first.isSampled, first.state], [other, false, '']);
  const second = begun(tracer, [...w3c, ...multi]).trace;
  assert.deepEqual([second.traceId, second.isSampled, second.isDebug, second.state], [third, true, true, '']);
  const last = begun(tracer, w3c).trace;
  assert.deepEqual([last.traceId, last.isDebug, last.state], [TRACE, false, 'a=1']);
  const names = last
    .linesOf(SPAN)
    .trim()
    .split('\r\n')
    .map((line) => line.slice(0, line.indexOf(':')));
  const ids = ['x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled'];
  assert.deepEqual(names, ['traceparent', 'tracestate', 'b3', ...ids]);
});

test('a client decides for its trace, a ratio and a bound in time for new ones', () => {
  const never = tracerOf({ sampleRate: 0 });
  assert.equal(begun(never, [['traceparent', PARENT]]).trace.isSampled, true);
  assert.equal(begun(never, []).trace.isSampled, false);
  assert.equal(begun(tracerOf(), [['traceparent', PARENT.replace(/01$/, '00')]]).trace.isSampled, false);
  const bound = tracerOf({ maxPerSecond: 3 });
  const kept = (wall: number): boolean => begun(bound, [], true, wall).trace.isSampled;
  assert.deepEqual([1_000, 1_300, 1_600, 1_999, 2_000].map(kept), [true, true, true, false, true]);
  assert.equal(begun(bound, [['traceparent', PARENT]], true, 2_000).trace.isSampled, true);
});

test('the ratio looks at the trace-id alone, so that all nodes decide alike, and more is kept of a larger one', () => {
  const multi = (traceId: string): Fields => [
    ['x-b3-traceid', traceId],
    ['x-b3-spanid', SPAN],
  ];
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(
      hex,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (id, a, b) => {
        fc.pre(!/^0+$/.test(id));
        const keeps = (sampleRate: number): boolean =>
          begun(tracerOf({ sampleRate, propagation: ['b3multi'] }), multi(id)).trace.isSampled;
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        assert.ok(keeps(high) || !keeps(low));
        assert.equal(keeps(low), keeps(low));
      },
    ),
  );
  const tracer = tracerOf({ sampleRate: 0.25 });
  let kept = 0;
  for (let n = 0; n < 4_000; n++) if (begun(tracer, []).trace.isSampled) kept++;
  assert.ok(kept > 800 && kept < 1_200, `${kept} of 4000`);
});

test('two workers share the bound of a node', () => {
  const budget = createTraceBudget();
  const workers = [tracerOf({ maxPerSecond: 4 }, budget), tracerOf({ maxPerSecond: 4 }, budget)];
  const kept = Array.from({ length: 10 }, (_, n) => begun(workers[n % 2], []).trace.isSampled);
  assert.equal(kept.filter((each) => each).length, 4);
});

test('a try that is sent once more to its server has the span that it had, another try another one', () => {
  const { trace } = begun(tracerOf(), [['traceparent', PARENT]]);
  const way = { peer: '10.0.0.1:80', protocol: '1.1' } as const;
  const first = trace.tryLines(0, way, '/');
  assert.equal(trace.tryLines(0, way, '/'), first);
  assert.notEqual(trace.tryLines(1, way, '/'), first);
  const quiet = begun(tracerOf({ sampleRate: 0 }), []).trace;
  assert.equal(quiet.tryLines(1, way, '/'), quiet.tryLines(0, way, '/'));
  assert.equal(quiet.tries.length, 0);
});
