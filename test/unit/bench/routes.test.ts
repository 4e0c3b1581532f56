import assert from 'node:assert/strict';
import test from 'node:test';
import type { Sample } from '../../../bench/measure.ts';
import { namedKinds, numbered, numberedLines, ROUTE_KINDS, ROUTE_SCENARIOS } from '../../../bench/routes/kinds.ts';
import { judgeRoutes, routesJson, routesText } from '../../../bench/routes/report.ts';
import type { RoutesOutcome, RoutesSeries } from '../../../bench/routes/run.ts';
import { frontendOf, outcomeOf } from '../rule/outcomes.ts';

function seriesOf(proxy: string, routes: number, cpus: readonly number[], waited = 0): RoutesSeries {
  const figures = { requests: 100, errors: 0, perSecond: 50, kernelShare: 0.6, busy: 0.9, waited, latencies: [] };
  return { proxy, routes, samples: cpus.map((cpu): Sample => ({ ...figures, cpu })) };
}

function outcomeWith(name: string, ...series: RoutesSeries[]): RoutesOutcome {
  const kind = ROUTE_KINDS.find((each) => each.name === name)!;
  return { kind, rounds: 2, series, skipped: [{ proxy: 'nginx', routes: 10_000, reason: 'answered 404' }] };
}

test('each kind of routes sends requests that its rule serves, and only the one with the same number', () => {
  for (const { name, rule, host, path } of ROUTE_KINDS) {
    const frontends = Array.from({ length: 30 }, (_, route) => {
      return frontendOf(`f${route}`, [numbered(rule, route), numbered('AddPrefix:/NUMBER', route)]);
    });
    for (const route of [0, 17, 29]) {
      const up = numbered(path, route);
      const outcome = outcomeOf(frontends, up, { host: numbered(host, route) });
      assert.deepEqual(outcome, { up: `${numbered('/NUMBER', route)}${up}` }, name);
    }
    assert.equal(outcomeOf(frontends, numbered(path, 30), { host: numbered(host, 30) }), 'no', name);
  }
});

test('numbers of routes are equally long, so that requests are', () => {
  assert.equal(numberedLines('Host:aNUMBER', 2), 'Host:a000000\nHost:a000001');
});

test('many routes are compared with one route of the same proxy, round by round', () => {
  const one = seriesOf('tsuji', 1, [20, 40]);
  const outcome = outcomeWith('hosts', seriesOf('nginx', 10_000, [10, 10]), one, seriesOf('tsuji', 10_000, [21, 44]));
  assert.match(routesText(outcome), /tsuji {2}10 000 .* 1\.08 \(1\.05–1\.10\)/);
  assert.match(routesText(outcome), /left out: nginx with 10000: answered 404/);
  assert.equal(judgeRoutes(outcome)!.met, false);
  assert.match(judgeRoutes(outcome)!.text, /^missed .* 10 000 exact hosts ÷ with one 1\.08 .* goal ≤ 1\.05$/);
  assert.equal(judgeRoutes({ ...outcome, series: [one] }), null);
  assert.equal(judgeRoutes(outcomeWith('host-templates', one, seriesOf('tsuji', 10_000, [60, 60]))), null);
});

test('a proxy that had to wait is named, and every round is kept', () => {
  const outcome = outcomeWith('paths', seriesOf('tsuji', 1, [20, 21], 0.3));
  assert.match(routesText(outcome), /disturbed: tsuji with 1 waited for its core up to 30 %/);
  const kept = JSON.parse(JSON.stringify(routesJson(outcome)));
  assert.deepEqual([kept.kind, kept.series[0].rounds.length, kept.series[0].rounds[0].cpu], ['paths', 2, 20]);
  assert.equal(kept.series[0].rounds[0].latencies, undefined);
});

test('all kinds or some of them are asked for by name', () => {
  assert.deepEqual(namedKinds(['small']), []);
  assert.deepEqual(namedKinds(['routes']), ROUTE_KINDS);
  assert.deepEqual(
    ROUTE_SCENARIOS.slice(1).flatMap((name) => namedKinds([name])),
    ROUTE_KINDS,
  );
});
