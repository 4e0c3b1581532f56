import assert from 'node:assert/strict';
import test from 'node:test';
import type { Sample } from '../../../bench/measure.ts';
import { cpuPlot, latencyPlot } from '../../../bench/plots.ts';
import { bestOf, judgeGoals, mergedLatencies, outcomeJson, outcomeText } from '../../../bench/report.ts';
import type { Outcome, Series } from '../../../bench/runner.ts';
import { SCENARIOS } from '../../../bench/scenarios.ts';

function sample(cpu: number, microseconds: number, waited = 0): Sample {
  const latencies = [[microseconds, 100]] as const;
  return { requests: 100, errors: 0, perSecond: 50, cpu, kernelShare: 0.6, busy: 0.9, waited, latencies };
}

function seriesOf(name: string, cpus: readonly number[], microseconds = 100): Series {
  return { name, samples: cpus.map((cpu) => sample(cpu, microseconds)), idle: [] };
}

function outcomeOf(scenarioName: string, series: readonly Series[], rate = 0): Outcome {
  const scenario = SCENARIOS.find(({ name }) => name === scenarioName)!;
  return { scenario, effort: scenario.full, generator: 'wrk', connections: 64, rate, series, skipped: [] };
}

test('tsuji is measured against the better of nginx and HAProxy', () => {
  const outcome = outcomeOf('small', [
    seriesOf('nginx', [20, 22]),
    seriesOf('haproxy', [16, 18]),
    seriesOf('caddy', [1, 1]),
    seriesOf('tsuji', [16, 18]),
  ]);
  assert.equal(bestOf(outcome)!.name, 'haproxy');
  assert.match(outcomeText(outcome), /÷ haproxy/);
  assert.deepEqual(
    judgeGoals(outcome).map(({ met }) => met),
    [true],
  );
});

test('a goal counts by the median of the rounds', () => {
  const outcome = outcomeOf('small', [seriesOf('nginx', [10, 10, 10]), seriesOf('tsuji', [10, 12, 13])]);
  const [goal] = judgeGoals(outcome);
  assert.equal(goal!.met, false);
  assert.match(goal!.text, /^missed {2}tsuji: CPU per request .* 1\.20 \(1\.00–1\.30\), goal ≤ 1\.10$/);
});

test('without nginx and HAProxy there is no goal and no ratio, but a table', () => {
  const outcome = outcomeOf('small', [seriesOf('tsuji', [15, 16])]);
  assert.deepEqual(judgeGoals(outcome), []);
  assert.equal(bestOf(outcome), null);
  assert.match(outcomeText(outcome), /tsuji +15\.5/);
});

test('p99 is compared with that of nginx, round by round', () => {
  const outcome = outcomeOf('half-load', [seriesOf('nginx', [15, 15], 100), seriesOf('tsuji', [15, 15], 140)], 20_000);
  assert.equal(judgeGoals(outcome)[0]!.met, true);
  assert.match(outcomeText(outcome), /tsuji .*1\.40 \(1\.40–1\.40\)/);
});

test('the growth of memory is judged in MiB', () => {
  const MIB = 1024 * 1024;
  const idle = [{ before: 100 * MIB, during: 141 * MIB, open: 10_000 }];
  const outcome = outcomeOf('idle', [{ name: 'tsuji', samples: [], idle }]);
  assert.deepEqual(
    judgeGoals(outcome).map(({ met }) => met),
    [false],
  );
  assert.match(outcomeText(outcome), /41\.0/);
});

test('a proxy that had to wait for its core is named', () => {
  const disturbed = { name: 'nginx', samples: [sample(15, 100, 0.01), sample(15, 100, 0.2)], idle: [] };
  assert.match(outcomeText(outcomeOf('small', [disturbed])), /disturbed: nginx .* 20 %/);
});

test('the histogram is drawn for direct and for tsuji, a proxy left out is named with the reason', () => {
  const series = ['direct', 'nginx', 'tsuji'].map((name) => seriesOf(name, [15], 100));
  const outcome: Outcome = {
    ...outcomeOf('latency', series, 2_000),
    skipped: [{ name: 'caddy', reason: 'answered 502' }],
  };
  const text = outcomeText(outcome);
  assert.match(text, /direct: latency histogram/);
  assert.match(text, /tsuji: latency histogram/);
  assert.doesNotMatch(text, /nginx: latency histogram/);
  assert.match(text, /left out: caddy: answered 502/);
});

test('latencies of several rounds are added up in order', () => {
  const pairs = mergedLatencies([sample(1, 300), sample(1, 100), sample(1, 300)]);
  assert.deepEqual(pairs, [
    [100, 100],
    [300, 200],
  ]);
});

test('what is kept as JSON has every round and no raw latencies', () => {
  const kept = JSON.parse(JSON.stringify(outcomeJson(outcomeOf('small', [seriesOf('nginx', [15, 16, 17])]))));
  assert.equal(kept.proxies[0].rounds.length, 3);
  assert.equal(kept.proxies[0].rounds[0].latencies, undefined);
  assert.ok(kept.proxies[0].rounds[0].microseconds.p99 > 0);
});

test('the plots show what was measured', () => {
  const outcome = outcomeOf('small', [seriesOf('nginx', [15, 16]), seriesOf('tsuji', [14, 15])]);
  assert.match(cpuPlot([outcome])!, /tsuji/);
  assert.equal(cpuPlot([outcomeOf('idle', [])]), null);
  assert.match(latencyPlot({ ...outcome, rate: 100 }), /<path /);
});
