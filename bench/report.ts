/** From samples to what is printed and kept. */
import {
  addTo,
  drawHistogram,
  histogramOf,
  type LatencyPairs,
  newHistogram,
  PERCENTILES,
  percentile,
} from './histogram.ts';
import type { Sample } from './measure.ts';
import type { Outcome, Series } from './runner.ts';
import type { Goal } from './scenarios.ts';
import { median, ratioOf, type Spread, spreadOf, verdictOf } from './stats.ts';
import { formatNumber, formatRange, formatShare, formatSpread, formatTable } from './table.ts';

/** The established proxies; the better one of them in a scenario is the measure for all. */
const ESTABLISHED = ['nginx', 'haproxy'];
const MIB = 1024 * 1024;

const cpuOf = (series: Series) => series.samples.map((sample) => sample.cpu);
const p99Of = (series: Series) => series.samples.map((sample) => percentile(histogramOf(sample.latencies), 99));
const growthOf = (series: Series) => series.idle.map((idle) => (idle.during - idle.before) / MIB);

/** The latencies of all rounds together, ascending. */
export function mergedLatencies(samples: readonly Sample[]): LatencyPairs {
  const counts = new Map<number, number>();
  for (const sample of samples) {
    for (const [value, count] of sample.latencies) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return [...counts].sort((a, b) => a[0] - b[0]);
}

/** The established proxy that spent less CPU time per request; null when none took part. */
export function bestOf(outcome: Outcome): Series | null {
  const candidates = outcome.series.filter(({ name }) => ESTABLISHED.includes(name));
  return candidates.reduce<Series | null>(
    (best, one) => (best === null || median(cpuOf(one)) < median(cpuOf(best)) ? one : best),
    null,
  );
}

function capacityTable(outcome: Outcome): string {
  const unit = outcome.scenario.kind === 'websocket' ? 'echo' : 'request';
  const best = bestOf(outcome);
  const header = [
    'proxy',
    `CPU µs/${unit}`,
    'min–max',
    'kernel',
    `÷ ${best?.name ?? 'best'}`,
    outcome.scenario.kind === 'websocket' ? 'echoes/s' : 'requests/s',
    'busy',
    'waited',
    'errors',
  ];
  const rows = outcome.series.map((series) => {
    const cpu = spreadOf(cpuOf(series));
    return [
      series.name,
      formatNumber(cpu.median),
      formatRange(cpu),
      formatShare(median(series.samples.map((sample) => sample.kernelShare))),
      best === null ? '–' : formatSpread(ratioOf(cpuOf(series), cpuOf(best))),
      formatNumber(median(series.samples.map((sample) => sample.perSecond))),
      formatShare(median(series.samples.map((sample) => sample.busy))),
      formatShare(median(series.samples.map((sample) => sample.waited))),
      String(series.samples.reduce((sum, sample) => sum + sample.errors, 0)),
    ];
  });
  return formatTable(header, rows);
}

function latencyTable(outcome: Outcome): string {
  const reference = outcome.series.find(({ name }) => name === 'nginx');
  const header = [
    'µs',
    ...PERCENTILES.map((at) => (at === 100 ? 'max' : `p${at}`)),
    'p99 ÷ nginx',
    'CPU µs',
    'requests/s',
    'errors',
  ];
  const rows = outcome.series.map((series) => {
    const all = newHistogram();
    addTo(all, mergedLatencies(series.samples));
    return [
      series.name,
      ...PERCENTILES.map((at) => formatNumber(percentile(all, at))),
      reference === undefined ? '–' : formatSpread(ratioOf(p99Of(series), p99Of(reference))),
      formatNumber(median(cpuOf(series))),
      formatNumber(median(series.samples.map((sample) => sample.perSecond))),
      String(series.samples.reduce((sum, sample) => sum + sample.errors, 0)),
    ];
  });
  return formatTable(header, rows);
}

function idleTable(outcome: Outcome): string {
  const rows = outcome.series.map((series) => {
    const idle = series.idle[0]!;
    const growth = idle.during - idle.before;
    return [
      series.name,
      formatNumber(idle.before / MIB),
      formatNumber(idle.during / MIB),
      formatNumber(growth / MIB),
      formatNumber(growth / 1024 / outcome.connections),
      `${idle.open} of ${outcome.connections}`,
    ];
  });
  return formatTable(['proxy', 'RSS before MiB', 'during', 'growth', 'KiB each', 'open'], rows);
}

export type GoalResult = { readonly text: string; readonly met: boolean };

function goalValue(goal: Goal, own: Series, outcome: Outcome): Spread | null {
  if (goal.metric === 'growth') return spreadOf(growthOf(own));
  const other = goal.against === 'best' ? bestOf(outcome) : outcome.series.find(({ name }) => name === goal.against);
  if (other === null || other === undefined) return null;
  return goal.metric === 'cpu' ? ratioOf(cpuOf(own), cpuOf(other)) : ratioOf(p99Of(own), p99Of(other));
}

/** The goals of a scenario that its outcome says something about. */
export function judgeGoals(outcome: Outcome): GoalResult[] {
  const names = { cpu: 'CPU per request', p99: 'p99', growth: 'growth of RSS in MiB' };
  const results: GoalResult[] = [];
  for (const goal of outcome.scenario.goals) {
    const own = outcome.series.find(({ name }) => name === goal.proxy);
    const value = own === undefined ? null : goalValue(goal, own, outcome);
    if (value === null || !Number.isFinite(value.median)) continue;
    const against =
      goal.against === 'best'
        ? ' ÷ the better of nginx and HAProxy'
        : goal.against === null
          ? ''
          : ` ÷ ${goal.against}`;
    const met = value.median <= goal.limit;
    results.push({
      met,
      text: `${met ? 'met   ' : 'missed'}  ${goal.proxy}: ${names[goal.metric]}${against} ${formatSpread(value)}, goal ≤ ${goal.limit.toFixed(2)}`,
    });
  }
  return results;
}

function headline(outcome: Outcome): string {
  const { scenario, effort, generator, rate } = outcome;
  const load = rate > 0 ? `${generator}, ${formatNumber(rate)} requests/s` : generator;
  const length = scenario.kind === 'idle' ? '' : `, ${effort.rounds} rounds of ${effort.seconds} s`;
  return `${scenario.title} (${scenario.kind === 'idle' ? 'one request each' : load}${length})`;
}

/** Whose whole histogram is drawn: without a proxy, and ours. */
function drawnHistograms(outcome: Outcome): string[] {
  return outcome.series
    .filter(({ name }) => name === 'direct' || name.startsWith('tsuji'))
    .map(({ name, samples }) => `${name}: latency histogram of all rounds\n${drawHistogram(mergedLatencies(samples))}`);
}

/** Above this share of waiting a figure says more about the neighbours than about the proxy. */
const WAIT_LIMIT = 0.05;

/** One line for each proxy that had to share its core. */
export function disturbances(outcome: Outcome): string[] {
  return outcome.series
    .map(({ name, samples }) => ({ name, waited: Math.max(0, ...samples.map((sample) => sample.waited)) }))
    .filter(({ waited }) => waited > WAIT_LIMIT)
    .map(({ name, waited }) => `disturbed: ${name} waited for its core up to ${formatShare(waited)} of a round`);
}

export function outcomeText(outcome: Outcome): string {
  const { kind } = outcome.scenario;
  const parts = [headline(outcome)];
  if (outcome.series.length > 0) {
    if (kind === 'idle') parts.push(idleTable(outcome));
    else if (kind === 'steady' || kind === 'half-load') parts.push(latencyTable(outcome));
    else parts.push(capacityTable(outcome));
  }
  for (const { name, reason } of outcome.skipped) parts.push(`left out: ${name}: ${reason}`);
  if (kind === 'steady') parts.push(...drawnHistograms(outcome));
  parts.push(...disturbances(outcome), ...judgeGoals(outcome).map(({ text }) => text));
  return parts.join('\n');
}

function comparison(series: Series, best: Series | null) {
  if (best === null || series.samples.length === 0) return { ratioToBest: null, difference: null };
  const ratioToBest = ratioOf(cpuOf(series), cpuOf(best));
  return { ratioToBest, difference: verdictOf(ratioToBest, series.samples.length) };
}

/** What `results/*.json` holds for a scenario: every sample, but of latencies only percentiles. */
export function outcomeJson(outcome: Outcome): unknown {
  const { scenario, effort, generator, connections, rate, skipped } = outcome;
  const best = bestOf(outcome);
  return {
    scenario: scenario.name,
    title: scenario.title,
    generator,
    connections,
    rate,
    ...effort,
    skipped,
    proxies: outcome.series.map((series) => ({
      name: series.name,
      ...comparison(series, best),
      rounds: series.samples.map(({ latencies, ...figures }) => {
        const histogram = histogramOf(latencies);
        const percentiles = PERCENTILES.map((at) => [`p${at}`, percentile(histogram, at)]);
        return { ...figures, microseconds: Object.fromEntries(percentiles) };
      }),
      idle: series.idle,
    })),
    goals: judgeGoals(outcome),
  };
}
