/**
 * A strict reader of the Prometheus text format 0.0.4: throws on anything that a scraper may refuse, and on
 * histograms that contradict themselves.
 */
import assert from 'node:assert/strict';

export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};
export type Family = { readonly type: string; readonly help: string; readonly samples: Sample[] };

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"/;
const VALUE = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?)$/;

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const match = LABEL.exec(rest);
    assert.ok(match, `a label cannot be read in: ${line}`);
    const [whole, name, raw] = match;
    assert.ok(!(name in labels), `label ${name} stands twice in: ${line}`);
    labels[name] = raw.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(whole.length);
    if (rest !== '') {
      assert.ok(rest.startsWith(','), `a comma is missing in: ${line}`);
      rest = rest.slice(1);
    }
  }
  return labels;
}

function parseSample(line: string): Sample {
  const name = NAME.exec(line)?.[0];
  assert.ok(name, `no metric name in: ${line}`);
  let rest = line.slice(name.length);
  let labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    const end = rest.lastIndexOf('}');
    assert.ok(end > 0, `no closing brace in: ${line}`);
    labels = parseLabels(rest.slice(1, end), line);
    rest = rest.slice(end + 1);
  }
  assert.ok(rest.startsWith(' '), `no blank before the value in: ${line}`);
  const value = rest.slice(1);
  assert.match(value, VALUE, `bad value in: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function keyOf({ name, labels }: Sample, without = ''): string {
  const pairs = Object.entries(labels).filter(([label]) => label !== without);
  return `${name}|${JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = new Map<string, Sample[]>();
  const counts = new Map<string, number>();
  for (const sample of samples) {
    if (sample.name === `${name}_bucket`) {
      const key = keyOf({ ...sample, name }, 'le');
      buckets.set(key, [...(buckets.get(key) ?? []), sample]);
    } else if (sample.name === `${name}_count`) counts.set(keyOf({ ...sample, name }), sample.value);
    else assert.equal(sample.name, `${name}_sum`);
  }
  assert.deepEqual([...buckets.keys()].sort(), [...counts.keys()].sort(), `${name}: buckets without a count`);
  for (const [key, series] of buckets) {
    const bounds = series.map(({ labels }) => Number(labels.le.replace('Inf', 'Infinity')));
    for (let i = 1; i < series.length; i++) {
      assert.ok(bounds[i] > bounds[i - 1] && series[i].value >= series[i - 1].value, `${key}: buckets must ascend`);
    }
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${key}: no +Inf bucket`);
    assert.equal(series.at(-1)?.value, counts.get(key), `${key}: the count is not the +Inf bucket`);
  }
}

export function parseExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line must end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current = '';
  let help: [string, string] | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      help = [comment[2], comment[3]];
    } else if (comment) {
      const [, , name, type] = comment;
      assert.equal(help?.[0], name, `TYPE of ${name} without its HELP before it`);
      assert.ok(!families.has(name), `${name} stands twice`);
      assert.match(type, /^(counter|gauge|histogram|summary|untyped)$/);
      if (type === 'counter') assert.match(name, /_total$/, `${name}: a counter should end in _total`);
      families.set(name, { type, help: help?.[1] ?? '', samples: [] });
      current = name;
    } else {
      assert.ok(!line.startsWith('#') && line !== '', `unexpected line: ${line}`);
      const sample = parseSample(line);
      const base =
        families.get(current)?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
      assert.equal(base, current, `sample outside of its family: ${line}`);
      assert.ok(!seen.has(keyOf(sample)), `the same series twice: ${line}`);
      seen.add(keyOf(sample));
      families.get(current)?.samples.push(sample);
    }
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkHistogram(name, samples);
  return families;
}
