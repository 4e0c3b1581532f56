/** The Prometheus text format 0.0.4: names, HELP and TYPE lines, label escaping. */

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type Labels = readonly (readonly [name: string, value: string])[];

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

export function labelText(labels: Labels): string {
  return labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',');
}

/** The two lines before the samples of a metric. `help` is one line without a backslash. */
export function head(name: string, type: MetricType, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** One line. `labels`: made by `labelText`, '' for none. */
export function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${valueText(value)}\n`;
}

/** A metric with one sample and no labels. */
export function single(name: string, type: MetricType, help: string, value: number): string {
  return head(name, type, help) + sample(name, '', value);
}

/**
 * The lines of one histogram. `bounds`: upper bounds, ascending; `counts`: one more, not cumulative; `_count` is
 * their sum, so that it equals the `+Inf` bucket even while somebody counts.
 */
export function histogramLines(
  name: string,
  labels: string,
  bounds: readonly number[],
  counts: Float64Array,
  sum: number,
): string {
  const before = labels === '' ? '' : `${labels},`;
  let lines = '';
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[i];
    const bound = i < bounds.length ? valueText(bounds[i]) : '+Inf';
    lines += sample(`${name}_bucket`, `${before}le="${bound}"`, total);
  }
  return lines + sample(`${name}_sum`, labels, sum) + sample(`${name}_count`, labels, total);
}
