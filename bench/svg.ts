/** The two plots of a run as SVG text: CPU per request as bars with whiskers, latency as curves over percentiles. */
import type { Spread } from './stats.ts';
import { formatNumber } from './table.ts';

export type BarGroup = {
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly value: Spread }[];
};

/** Points ascend in `at`, a share below 1 (0.99 for p99). */
export type Curve = {
  readonly name: string;
  readonly points: readonly { readonly at: number; readonly microseconds: number }[];
};

const COLOURS: Readonly<Record<string, string>> = {
  direct: '#777777',
  nginx: '#2f8f46',
  haproxy: '#2f6fb5',
  caddy: '#3fb0b0',
  traefik: '#8a5cb0',
  tsuji: '#d1495b',
  'tsuji-pipelining': '#e08e45',
};
const WIDTH = 760;
const LEFT = 150;
const RIGHT = 130;

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const colourOf = (name: string) => COLOURS[name] ?? '#555555';
const place = (value: number) => String(Math.round(value * 10) / 10);

function text(x: number, y: number, content: string, extra = ''): string {
  return `<text x="${place(x)}" y="${place(y)}"${extra}>${escapeText(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${place(x1)}" y1="${place(y1)}" x2="${place(x2)}" y2="${place(y2)}" stroke="${colour}"/>`;
}

function page(height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#222222">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 26, title, ' font-size="15" font-weight="bold"'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

/** Every group has a scale of its own, from 0 to its longest whisker. */
export function drawBars(title: string, groups: readonly BarGroup[]): string {
  const body: string[] = [];
  let y = 44;
  for (const group of groups) {
    const greatest = Math.max(...group.bars.map(({ value }) => value.max));
    const scale = (value: number) => LEFT + (value / greatest) * (WIDTH - LEFT - RIGHT);
    body.push(text(16, y + 12, group.title, ' font-weight="bold"'));
    y += 20;
    for (const { name, value } of group.bars) {
      const middle = y + 9;
      body.push(
        text(LEFT - 8, middle + 4, name, ' text-anchor="end"'),
        `<rect x="${LEFT}" y="${y}" width="${place(scale(value.median) - LEFT)}" height="18" fill="${colourOf(name)}"/>`,
        line(scale(value.min), middle, scale(value.max), middle, '#222222'),
        line(scale(value.min), middle - 4, scale(value.min), middle + 4, '#222222'),
        line(scale(value.max), middle - 4, scale(value.max), middle + 4, '#222222'),
        text(scale(value.max) + 8, middle + 4, `${formatNumber(value.median)} µs`),
      );
      y += 24;
    }
    y += 10;
  }
  return page(y + 6, title, body);
}

const MARKS = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999];

/** Percentiles are spread as HdrHistogram's own plots are: every further nine takes the same width. */
export function drawCurves(title: string, curves: readonly Curve[]): string {
  const height = 420;
  const top = 50;
  const bottom = height - 50;
  const nines = (at: number) => -Math.log10(1 - at);
  const values = curves.flatMap(({ points }) => points.map((point) => point.microseconds));
  if (values.length === 0) return page(height, title, [text(LEFT, 100, 'nothing was measured')]);
  const low = Math.floor(Math.log10(Math.max(1, Math.min(...values))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const last = Math.max(...curves.flatMap(({ points }) => points.map((point) => nines(point.at))));
  const x = (at: number) => LEFT - 80 + (nines(at) / last) * (WIDTH - LEFT - RIGHT + 60);
  const y = (value: number) => bottom - ((Math.log10(Math.max(1, value)) - low) / (high - low)) * (bottom - top);
  const body: string[] = [];
  for (let power = low; power <= high; power++) {
    body.push(line(x(0), y(10 ** power), x(1 - 10 ** -last), y(10 ** power), '#dddddd'));
    const label = power < 3 ? `${10 ** power} µs` : power < 6 ? `${10 ** (power - 3)} ms` : `${10 ** (power - 6)} s`;
    body.push(text(x(0) - 8, y(10 ** power) + 4, label, ' text-anchor="end"'));
  }
  for (const mark of MARKS.filter((at) => nines(at) <= last + 1e-9)) {
    body.push(line(x(mark), top, x(mark), bottom, '#eeeeee'));
    body.push(text(x(mark), bottom + 18, `p${Number((mark * 100).toFixed(2))}`, ' text-anchor="middle"'));
  }
  curves.forEach((curve, index) => {
    const path = curve.points.map(
      (point, i) => `${i === 0 ? 'M' : 'L'}${place(x(point.at))} ${place(y(point.microseconds))}`,
    );
    body.push(`<path d="${path.join('')}" fill="none" stroke="${colourOf(curve.name)}" stroke-width="2"/>`);
    const keyY = top + 8 + index * 20;
    body.push(
      `<rect x="${WIDTH - RIGHT + 14}" y="${keyY - 9}" width="12" height="12" fill="${colourOf(curve.name)}"/>`,
    );
    body.push(text(WIDTH - RIGHT + 32, keyY + 1, curve.name));
  });
  return page(height, title, body);
}
