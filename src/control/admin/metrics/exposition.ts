/** The Prometheus text format 0.0.4, and what OpenMetrics 1.0 has otherwise: names, HELP and TYPE lines, label escaping. */

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type Labels = readonly (readonly [name: string, value: string])[];
/** Labels as `labelText` makes them, '' for none, and a value. */
export type Row = readonly [labels: string, value: number];

/** Nothing is said, but whoever makes the page may do something else: what goes before may take long. */
export const PAUSE = '';
/** Characters of a part of the page, about. */
const PART = 8_192;
const HEAD = '# HELP ';

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
export function asOpenMetrics(part: string): string {
  return part.startsWith(HEAD) ? part.replace(/^(# (?:HELP|TYPE) \w+)_total /gm, '$1 ') : part;
}
export const OPEN_METRICS_END = '# EOF\n';

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** One line. */
export function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${valueText(value)}\n`;
}

/** A metric with these samples. */
export function* family(name: string, type: MetricType, help: string, rows: Iterable<Row>): Generator<string> {
  yield head(name, type, help);
  let part = '';
  for (const [labels, value] of rows) {
    part += sample(name, labels, value);
    if (part.length < PART) continue;
    yield part;
    part = '';
  }
  if (part !== '') yield part;
}

/** A metric with one sample and no labels. */
export function* single(name: string, type: MetricType, help: string, value: number): Generator<string> {
  yield head(name, type, help);
  yield sample(name, '', value);
}

/** One histogram: the sum, and the counts of its buckets, one more than there are bounds, not cumulative, in `values` from `at` on. */
export type Histogram = {
  readonly labels: string;
  readonly sum: number;
  readonly values: Float64Array;
  readonly at: number;
};

/** `_count` is the sum of the buckets, so that it equals the `+Inf` bucket even while somebody counts. */
export function* histograms(
  name: string,
  help: string,
  bounds: readonly number[],
  rows: Iterable<Histogram>,
): Generator<string> {
  yield head(name, 'histogram', help);
  const ends = [...bounds.map(valueText), '+Inf'].map((bound) => `le="${bound}"} `);
  let part = '';
  for (const { labels, sum, values, at } of rows) {
    const start = `${name}_bucket{${labels === '' ? '' : `${labels},`}`;
    let total = 0;
    for (let i = 0; i < ends.length; i++) {
      total += values[at + i];
      part += `${start}${ends[i]}${total}\n`;
    }
    part += sample(`${name}_sum`, labels, sum) + sample(`${name}_count`, labels, total);
    if (part.length < PART) continue;
    yield part;
    part = '';
  }
  if (part !== '') yield part;
}
