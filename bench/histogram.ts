/** Latency histograms in whole microseconds: HdrHistogram with three significant digits. */
import { build, type Histogram } from 'hdr-histogram-js';
import { formatNumber } from './table.ts';

export const PERCENTILES = [50, 75, 90, 99, 99.9, 100] as const;

export function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

/** `[microseconds, count]` pairs: the form in which load generators hand over what they saw. */
export type LatencyPairs = readonly (readonly [number, number])[];

export function histogramOf(pairs: LatencyPairs): Histogram {
  const histogram = newHistogram();
  addTo(histogram, pairs);
  return histogram;
}

export function addTo(histogram: Histogram, pairs: LatencyPairs): void {
  for (const [microseconds, count] of pairs) {
    if (count > 0) histogram.recordValueWithCount(Math.max(1, Math.round(microseconds)), count);
  }
}

/** Microseconds at a percentile; 100 is the greatest value. NaN for an empty histogram. */
export function percentile(histogram: Histogram, at: number): number {
  if (histogram.totalCount === 0) return Number.NaN;
  return at >= 100 ? histogram.maxValue : histogram.getValueAtPercentile(at);
}

export type Bar = { readonly from: number; readonly to: number; readonly count: number };

/** Counts per range of latencies, ranges growing by the half powers of two; from the first to the last that is used. */
export function barsOf(pairs: LatencyPairs): Bar[] {
  const counts = new Map<number, number>();
  for (const [microseconds, count] of pairs) {
    if (count <= 0) continue;
    const step = Math.floor(Math.log2(Math.max(1, microseconds)) * 2);
    counts.set(step, (counts.get(step) ?? 0) + count);
  }
  if (counts.size === 0) return [];
  const bars: Bar[] = [];
  const last = Math.max(...counts.keys());
  for (let step = Math.min(...counts.keys()); step <= last; step++) {
    bars.push({ from: 2 ** (step / 2), to: 2 ** ((step + 1) / 2), count: counts.get(step) ?? 0 });
  }
  return bars;
}

/** One line per range with a bar of at most `width` blocks; anything that occurred shows at least a sliver. */
export function drawHistogram(pairs: LatencyPairs, width = 50): string {
  const bars = barsOf(pairs);
  const greatest = Math.max(...bars.map((bar) => bar.count));
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  let seen = 0;
  const lines = bars.map((bar) => {
    seen += bar.count;
    const blocks = (bar.count / greatest) * width;
    const drawn = bar.count === 0 ? '' : blocks < 1 ? '▏' : '█'.repeat(Math.round(blocks));
    const range = `${formatNumber(bar.from).padStart(9)} – ${formatNumber(bar.to).padEnd(9)} µs`;
    const below = `${((seen / total) * 100).toFixed(3)} %`.padStart(10);
    return `${range} ${String(bar.count).padStart(9)} ${below}  ${drawn}`.trimEnd();
  });
  return lines.join('\n');
}
