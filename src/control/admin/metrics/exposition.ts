/** The Prometheus text format 0.0.4, and what OpenMetrics 1.0 has otherwise: names, HELP and TYPE lines, label escaping. */

import type { Exemplar } from '../../../shared/exemplars.ts';
import { SampleBytes, valueText } from './sample-bytes.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type Labels = readonly (readonly [name: string, value: string])[];
/** Labels as `labelText` makes them, '' for none, and a value. */
export type Row = readonly [labels: string, value: number];

/** A page in parts: texts, and bytes that are valid until the next part is asked for. */
export type Part = string | Uint8Array;
export type Parts<T = void> = Generator<Part, T>;

/** Nothing is said, but whoever makes the page may do something else: what goes before may take long. */
export const PAUSE = '';
const HEAD = '# HELP ';
const encoder = new TextEncoder();

function escapeLabel(value: string): string {
  // Nearly no value has any of them.
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

export function labelText(labels: Labels): string {
  let text = '';
  for (const [name, value] of labels) text += `${text === '' ? '' : ','}${name}="${escapeLabel(value)}"`;
  return text;
}

/** The two lines before the samples of a metric, which are a part of the page by themselves. `help`: one line without a backslash. */
export function head(name: string, type: MetricType, help: string): string {
  return `${HEAD}${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** A part of a page as OpenMetrics has it: a family of counters is named without `_total`. */
export function asOpenMetrics(part: Part): Part {
  return typeof part === 'string' && part.startsWith(HEAD)
    ? part.replace(/^(# (?:HELP|TYPE) \w+)_total /gm, '$1 ')
    : part;
}
export const OPEN_METRICS_END = '# EOF\n';

/** What stands behind the line of a bucket in OpenMetrics (§ Exemplars); '' for nothing. */
export function exemplarText(exemplar: Exemplar | null): string {
  if (exemplar === null) return '';
  const { traceId, value, time } = exemplar;
  return ` # {trace_id="${traceId}"} ${valueText(value)} ${time.toFixed(3)}`;
}

/** One metric is written at a time, and nothing is left in it while somebody else may write. */
const written = new SampleBytes();

/** A metric with these samples. */
export function* family(name: string, type: MetricType, help: string, rows: Iterable<Row>): Parts {
  yield head(name, type, help);
  // Whoever was here before may have thrown.
  written.take();
  const bytes = encoder.encode(name);
  for (const [labels, value] of rows) {
    written.sample(bytes, labels, value);
    if (written.isFull) yield written.take();
  }
  if (!written.isEmpty) yield written.take();
}

/** A metric with one sample and no labels. */
export function* single(name: string, type: MetricType, help: string, value: number): Parts {
  yield* family(name, type, help, [['', value]]);
}

/** One histogram: the sum, and the counts of its buckets, one more than there are bounds, not cumulative, in `values` from `at` on. */
export type Histogram = {
  readonly labels: string;
  readonly sum: number;
  readonly values: Float64Array;
  readonly at: number;
};

/**
 * `_count` is the sum of the buckets, so that it equals the `+Inf` bucket even while somebody counts. `exemplar`: what stands behind
 * the line of a bucket of the row that came last; null for nothing.
 */
export function* histograms(
  name: string,
  help: string,
  bounds: readonly number[],
  rows: Iterable<Histogram>,
  exemplar: ((bucket: number) => string) | null = null,
): Parts {
  yield head(name, 'histogram', help);
  written.take();
  const ends = [...bounds.map(valueText), '+Inf'].map((bound) => encoder.encode(`${bound}"} `));
  const [sums, counts] = [encoder.encode(`${name}_sum`), encoder.encode(`${name}_count`)];
  for (const { labels, sum, values, at } of rows) {
    const start = `${name}_bucket{${labels === '' ? '' : `${labels},`}le="`;
    const total = written.buckets(start, ends, values, at, exemplar);
    written.sample(sums, labels, sum);
    written.sample(counts, labels, total);
    if (written.isFull) yield written.take();
  }
  if (!written.isEmpty) yield written.take();
}
