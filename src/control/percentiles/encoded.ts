/**
 * Histograms as other programs read them, and other nodes: HdrHistogram's compressed V2 encoding as base64, in microseconds, with two
 * significant digits. Loaded when somebody asks for one.
 */
import { inflateSync } from 'node:zlib';
import histograms from 'hdr-histogram-js/dist/Float64Histogram.js';
// The one file of the package that encodes.
import encoding from 'hdr-histogram-js/dist/JsHistogram.encoding.js';
import { LATENCY_BUCKETS, latencyMiddle } from '../../shared/latency.ts';

const TOP_MICROSECONDS = 2 ** 27;
const DIGITS = 2;
const COUNT_BITS = 64;
/** An encoded one of ours has a few hundred, up to some thousand when every bucket has its own large count. */
export const MOST_TEXT = 32_768;
const MOST_BYTES = 65_536;
/** Cookie and length before the compressed part; cookie, length, offset, digits, lowest, highest, ratio before the counts. */
const OUTER_HEAD = 8;
const INNER_HEAD = 40;
const COOKIE = 0x1c84_9314;

export type LatencyFigures = {
  readonly requests: number;
  /** Milliseconds, null without requests. */
  readonly p50: number | null;
  readonly p75: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
  readonly mean: number | null;
};

/** Durations that were counted in any of several places. */
export class MergedHistogram {
  private readonly histogram = new histograms.default(1, TOP_MICROSECONDS, DIGITS);

  /** `counts`: per bucket of src/shared/latency.ts. */
  addCounts(counts: Uint32Array): void {
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      if (counts[bucket] > 0) this.histogram.recordValueWithCount(latencyMiddle(bucket), counts[bucket]);
    }
  }

  /** Returns why it cannot be added, '' when it was. */
  addText(text: string): string {
    const counts = decoded(text);
    if (counts === null) return 'its histogram cannot be read';
    this.histogram.add(counts);
    return '';
  }

  text(): string {
    return this.histogram.encodeIntoCompressedBase64();
  }

  figures(): LatencyFigures {
    const { histogram } = this;
    const requests = histogram.totalCount;
    const at = (percentile: number): number | null =>
      requests === 0 ? null : histogram.getValueAtPercentile(percentile) / 1_000;
    return {
      requests,
      p50: at(50),
      p75: at(75),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max: at(100),
      mean: requests === 0 ? null : histogram.mean / 1_000,
    };
  }
}

/** Only what we encode ourselves, so that nobody decides how much memory or time it takes. */
function decoded(text: string): ReturnType<typeof encoding.doDecode> | null {
  if (text.length > MOST_TEXT) return null;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length < OUTER_HEAD || bytes.readInt32BE(0) !== COOKIE) return null;
  try {
    const inner = inflateSync(bytes.subarray(OUTER_HEAD), { maxOutputLength: MOST_BYTES });
    const isOurs =
      inner.length >= INNER_HEAD &&
      inner.readInt32BE(4) === inner.length - INNER_HEAD &&
      inner.readInt32BE(12) === DIGITS &&
      inner.readBigInt64BE(16) === 1n &&
      inner.readBigInt64BE(24) === BigInt(TOP_MICROSECONDS);
    return isOurs ? encoding.doDecode(inner, COUNT_BITS) : null;
  } catch {
    return null;
  }
}
