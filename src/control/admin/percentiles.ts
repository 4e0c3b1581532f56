/** Percentiles of log-linear latency counts, worked out by an HdrHistogram of two significant digits. */
// Of the package this file alone: all of it loads number formats, zlib and WebAssembly, 25 ms and 4 MB.
import histograms from 'hdr-histogram-js/dist/Float64Histogram.js';
import { latencyMiddle } from '../../shared/latency.ts';

/** Seconds. Values are middles of buckets, so up to 3 % off. */
export type Percentiles = {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
};

const TOP_MICROSECONDS = 2 ** 27;

// One for all: making a histogram costs more than filling it. Microseconds.
const histogram = new histograms.default(1, TOP_MICROSECONDS, 2);

/** `counts`: per bucket of src/shared/latency.ts. Null when all are 0. */
export function percentilesOf(counts: Uint32Array): Percentiles | null {
  histogram.reset();
  for (let bucket = 0; bucket < counts.length; bucket++) {
    if (counts[bucket] > 0) histogram.recordValueWithCount(latencyMiddle(bucket), counts[bucket]);
  }
  if (histogram.totalCount === 0) return null;
  return {
    p50: histogram.getValueAtPercentile(50) / 1e6,
    p90: histogram.getValueAtPercentile(90) / 1e6,
    p99: histogram.getValueAtPercentile(99) / 1e6,
    p999: histogram.getValueAtPercentile(99.9) / 1e6,
    max: histogram.maxValue / 1e6,
  };
}
