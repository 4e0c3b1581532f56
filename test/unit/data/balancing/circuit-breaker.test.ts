/** The circuit breaker over several workers, with a clock of its own, beside a naive model of kv-schema §4.4. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CircuitBreaker } from '../../../../src/data/balancing/circuit-breaker.ts';
import type { BreakerCondition } from '../../../../src/kernel/breaker-condition.ts';
import { parseBreakerExpression } from '../../../../src/rule/breaker-expression.ts';
import { BreakerState, RECOVERING, STANDBY, TRIPPED } from '../../../../src/shared/breaker-state.ts';
import { BreakerStatistics, createBreaker } from '../../../../src/shared/breaker-statistics.ts';

const WORKERS = 3;

function breakerOf(expression: string) {
  const condition = parseBreakerExpression(expression);
  const clock = { now: 1_000_000 };
  const buffer = createBreaker(condition, WORKERS);
  /** Worker, state, refused. */
  const told: number[][] = [];
  const workers = Array.from(
    { length: WORKERS },
    (_, lane) =>
      new CircuitBreaker(
        buffer,
        condition,
        lane,
        () => clock.now,
        (...change) => told.push([lane, ...change]),
      ),
  );
  const statistics = new BreakerStatistics(buffer, condition);
  return { clock, workers, buffer, state: new BreakerState(buffer), statistics, condition, told };
}

test('one bad response as the first one trips it, for 10 s, and then it recovers for 10 s', () => {
  const { clock, workers, state, told } = breakerOf('NetworkErrorRatio() > 0.5');
  assert.ok(workers[0].admits());
  workers[0].record(502, 0.01);
  assert.equal(state.state(), TRIPPED);
  clock.now += 9999;
  assert.deepEqual(
    workers.map((worker) => worker.admits()),
    [false, false, false],
  );
  assert.equal(state.refused(), 3);
  clock.now += 1;
  assert.equal(state.stateAt(clock.now), RECOVERING);
  assert.equal(workers[1].admits(), false, 'at the beginning of recovery nobody passes');
  assert.equal(state.state(), RECOVERING);
  clock.now += 10_000;
  // So far 0 of 1 passed: 1 of 2 is not below a half.
  assert.equal(workers[2].admits(), false);
  assert.equal(workers[2].admits(), true, '1 of 3');
  clock.now += 1;
  assert.equal(workers[0].admits(), true);
  assert.equal(state.state(), STANDBY);
  workers[0].record(502, 0.01);
  assert.deepEqual(
    told,
    [
      [0, TRIPPED, 0],
      [1, RECOVERING, 3],
      [0, STANDBY, 5],
      [0, TRIPPED, 0],
    ],
    'each change is told once, by whoever has made it, with how many were refused since',
  );
});

test('a thread that dies in the middle of a change leaves a breaker that recovers', () => {
  const { clock, workers, state, buffer } = breakerOf('NetworkErrorRatio() > 0.5');
  // As src/shared/breaker-state.ts has it: the state of a breaker that somebody changes.
  new Int32Array(buffer, 0, 1)[0] = 3;
  assert.equal(workers[0].admits(), false);
  clock.now += 999;
  assert.equal(workers[1].admits(), false);
  clock.now += 1;
  assert.equal(workers[0].admits(), false);
  assert.equal(workers[0].admits(), false);
  assert.equal(state.state(), RECOVERING);
  clock.now += 10_001;
  assert.equal(workers[2].admits(), true);
  assert.equal(state.state(), STANDBY);
});

test('while it recovers a bad response trips it again, and what was before the trip is forgotten', () => {
  const { clock, workers, state, statistics } = breakerOf('NetworkErrorRatio() > 0.5');
  workers[0].record(504, 0);
  assert.equal(statistics.counts(state.era(), clock.now).responses, 0);
  clock.now += 10_000;
  workers[0].admits();
  clock.now += 9000;
  workers[1].record(200, 0);
  assert.equal(state.state(), RECOVERING);
  clock.now += 101;
  workers[2].record(502, 0);
  assert.equal(state.state(), RECOVERING, 'half of them is not more than half');
  clock.now += 101;
  workers[2].record(502, 0);
  assert.equal(state.state(), TRIPPED);
  assert.equal(state.trips(), 2);
});

test('the condition is looked at only every 100 ms', () => {
  const { clock, workers, state } = breakerOf('NetworkErrorRatio() > 0.5');
  workers[0].record(200, 0);
  clock.now += 50;
  workers[1].record(502, 0);
  workers[1].record(502, 0);
  clock.now += 50;
  workers[2].record(502, 0);
  assert.equal(state.state(), STANDBY);
  clock.now += 1;
  workers[0].record(502, 0);
  assert.equal(state.state(), TRIPPED);
});

test('a quantile has two significant digits, and a WebSocket has no latency', () => {
  const { clock, workers, state } = breakerOf('LatencyAtQuantileMS(50.0) > 1000');
  workers[0].record(101, 3600);
  clock.now += 101;
  for (const seconds of [0.5, 1, 7000]) {
    workers[1].record(200, seconds);
    clock.now += 101;
    assert.equal(state.state(), seconds === 7000 ? TRIPPED : STANDBY, `${seconds} s`);
  }
});

type Response = { at: number; status: number; seconds: number };

/** Straight from the text of the spec, for all workers at once. */
class NaiveBreaker {
  state: 'standby' | 'tripped' | 'recovering' = 'standby';
  trips = 0;
  private until = 0;
  private since = 0;
  private allowed = 0;
  private denied = 0;
  private checkAfter = 0;
  private responses: Response[] = [];
  private readonly condition: BreakerCondition;

  constructor(condition: BreakerCondition) {
    this.condition = condition;
  }

  admits(now: number): boolean {
    if (this.state === 'tripped' && now >= this.until) {
      Object.assign(this, { state: 'recovering', since: now, until: now + 10_000, allowed: 0, denied: 0 });
    }
    if (this.state === 'recovering' && now > this.until) this.state = 'standby';
    if (this.state !== 'recovering') return this.state === 'standby';
    const passes = (this.allowed + 1) / (this.allowed + this.denied + 1) < 0.5 * ((now - this.since) / 10_000);
    if (passes) this.allowed++;
    else this.denied++;
    return passes;
  }

  record(now: number, status: number, seconds: number): void {
    this.responses.push({ at: now, status, seconds });
    if (now <= this.checkAfter) return;
    this.checkAfter = now + 100;
    if (this.state === 'tripped' || !this.holds(this.condition, now)) return;
    Object.assign(this, { state: 'tripped', until: now + 10_000, responses: [] });
    this.trips++;
  }

  private holds(condition: BreakerCondition, now: number): boolean {
    if (!('metric' in condition)) {
      const [left, right] = [this.holds(condition.left, now), this.holds(condition.right, now)];
      return condition.op === '&&' ? left && right : left || right;
    }
    const { metric, op, value } = condition;
    const found = this.value(metric, now);
    const results = {
      '<': found < value,
      '<=': found <= value,
      '>': found > value,
      '>=': found >= value,
      '==': found === value,
      '!=': found !== value,
    };
    return results[op];
  }

  private value(metric: Extract<BreakerCondition, { metric: unknown }>['metric'], now: number): number {
    const last = (width: number, count: number): Response[] =>
      this.responses.filter(({ at }) => Math.floor(at / width) > Math.floor(now / width) - count);
    const part = (counted: Response[], base: Response[]): number =>
      base.length === 0 ? 0 : counted.length / base.length;
    const recent = last(1000, 10);
    if (metric.kind === 'networkErrorRatio') {
      return part(
        recent.filter(({ status }) => status === 502 || status === 504),
        recent,
      );
    }
    if (metric.kind === 'responseCodeRatio') {
      const within = ({ from, to }: { from: number; to: number }): Response[] =>
        recent.filter(({ status }) => status >= from && status < to);
      return part(within(metric.counted), within(metric.base));
    }
    const sorted = last(10_000, 6)
      .map(({ seconds }) => Math.floor(seconds * 1e6))
      .sort((a, b) => a - b);
    if (sorted.length === 0) return 0;
    const wanted = Math.max(1, Math.floor((metric.quantile / 100) * sorted.length + 0.5));
    const microseconds = sorted[wanted - 1];
    // The highest value that shares its two significant digits: 8 bits of a binary number.
    const width = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(microseconds, 1))) - 7);
    return Math.floor((Math.floor(microseconds / width) * width + width - 1) / 1000);
  }
}

const EXPRESSIONS = [
  'NetworkErrorRatio() > 0.5',
  'NetworkErrorRatio() >= 0.3 && ResponseCodeRatio(200, 300, 0, 600) < 0.6',
  'ResponseCodeRatio(500, 600, 0, 600) > 0.25 || LatencyAtQuantileMS(90.0) > 800',
  'ResponseCodeRatio(500, 502, 200, 300) == 1.0 || ResponseCodeRatio(400, 500, 0, 999) != 0.0',
  '(LatencyAtQuantileMS(50.0) >= 100 || LatencyAtQuantileMS(0.0) >= 50) && NetworkErrorRatio() < 1.0',
];

const worker = fc.nat(WORKERS - 1);
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('request'), worker }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('response'),
      worker,
      status: fc.constantFrom(200, 200, 200, 302, 404, 429, 499, 500, 502, 503, 504),
      seconds: fc.double({ min: 0, max: 3, noNaN: true }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('time'), ms: fc.oneof(fc.nat(150), fc.nat(3000), fc.nat(70_000)) }),
  },
) as fc.Arbitrary<
  | { kind: 'request'; worker: number }
  | { kind: 'response'; worker: number; status: number; seconds: number }
  | { kind: 'time'; ms: number }
>;

for (const expression of EXPRESSIONS) {
  test(`over any course of events the workers together do what the spec says: ${expression}`, () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 120 }), (events) => {
        const { clock, workers, state, condition } = breakerOf(expression);
        const naive = new NaiveBreaker(condition);
        for (const [i, step] of events.entries()) {
          if (step.kind === 'time') clock.now += step.ms;
          else if (step.kind === 'request') {
            assert.equal(workers[step.worker].admits(), naive.admits(clock.now), `request ${i}`);
          } else {
            workers[step.worker].record(step.status, step.seconds);
            naive.record(clock.now, step.status, step.seconds);
          }
          assert.equal(['standby', 'tripped', 'recovering'][state.state()], naive.state, `state after event ${i}`);
        }
        assert.equal(state.trips(), naive.trips);
      }),
      { numRuns: 150 },
    );
  });
}
