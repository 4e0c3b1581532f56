/** Chooses from the outcomes what the two plots show. */
import { histogramOf, percentile } from './histogram.ts';
import { mergedLatencies } from './report.ts';
import type { Outcome } from './runner.ts';
import { spreadOf } from './stats.ts';
import { type BarGroup, type Curve, drawBars, drawCurves } from './svg.ts';

/** Points of a curve per tenfold decrease of what lies above. */
const POINTS_PER_NINE = 20;

/** CPU per request of every scenario that measured it; null when none did. */
export function cpuPlot(outcomes: readonly Outcome[]): string | null {
  const groups: BarGroup[] = [];
  for (const { scenario, series } of outcomes) {
    if (scenario.kind !== 'saturation' && scenario.kind !== 'websocket') continue;
    const bars = series.map(({ name, samples }) => ({ name, value: spreadOf(samples.map((sample) => sample.cpu)) }));
    if (bars.length > 0) groups.push({ title: scenario.title, bars });
  }
  return groups.length === 0
    ? null
    : drawBars('CPU time of the proxy per request (median, whiskers: all rounds)', groups);
}

/** Latency over percentiles; a curve ends where less than ten answers lie above. */
export function latencyPlot(outcome: Outcome): string {
  const curves: Curve[] = outcome.series.map(({ name, samples }) => {
    const histogram = histogramOf(mergedLatencies(samples));
    const nines = Math.log10(Math.max(10, histogram.totalCount / 10));
    const points: { at: number; microseconds: number }[] = [];
    for (let step = 0; step <= nines * POINTS_PER_NINE; step++) {
      const at = 1 - 10 ** (-step / POINTS_PER_NINE);
      points.push({ at, microseconds: percentile(histogram, at * 100) });
    }
    return { name, points };
  });
  return drawCurves(`Latency: ${outcome.scenario.title}, ${outcome.rate} requests/s`, curves);
}
