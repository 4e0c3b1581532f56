/** Charts on a canvas, by uPlot: it draws thousands of points in a few milliseconds, with an axis of logarithms. */
import { clockMinute, time } from './format.js';
import { fives, nice, stacked, times } from './history.js';

const AXIS = 44;

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function hatch(colour) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 6;
  const pen = tile.getContext('2d');
  pen.globalAlpha = 0.45;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 6, 6);
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  for (const shift of [-6, 0, 6]) {
    pen.beginPath();
    pen.moveTo(shift, 6);
    pen.lineTo(shift + 6, 0);
    pen.stroke();
  }
  return pen.createPattern(tile, 'repeat');
}

const highest = (column) => column.reduce((most, value) => (value > most ? value : most), 0);

/** Columns of uPlot, the times first. */
export function columnsOf(kind, history) {
  const t = times(history);
  if (kind === 'latency') return [t, history.p50, history.p90, history.p99];
  if (kind === 'traffic') return [t, ...stacked(history).reverse()];
  return [t, fives(history).map(percent), history.max5.map(percent)];
}

const percent = (value) => (value === null ? null : value * 100);

const line = (stroke, width = 1.3) => ({ stroke, width, points: { show: false }, spanGaps: false });

function seriesOf(kind, colour) {
  const alpha = (name, part) => `color-mix(in srgb, ${colour(name)} ${part}%, transparent)`;
  if (kind === 'latency') return [line(colour('l50'), 1.7), line(colour('l90')), line(colour('l99'))];
  if (kind === 'traffic') {
    const four = hatch(colour('c4'));
    return [
      { ...line(colour('l90'), 1.2), fill: colour('c2') },
      { ...line('transparent', 0), fill: colour('c3') },
      { ...line('transparent', 0), fill: () => four },
      {
        ...line((u) => (highest(u.data[4]) > 0.01 * u.scales.y.max ? colour('c5') : 'transparent'), 1),
        fill: colour('c5'),
      },
    ];
  }
  const some = (at, tone) => (u) => (highest(u.data[at]) > 0 ? tone : 'transparent');
  return [{ ...line(some(1, colour('c5')), 1.6), fill: alpha('c5', 22) }, line(some(2, alpha('c5', 50)), 1)];
}

function bandsOf(kind, colour) {
  if (kind === 'traffic') {
    const four = hatch(colour('c4'));
    return [
      { series: [1, 2], fill: colour('c2') },
      { series: [2, 3], fill: colour('c3') },
      { series: [3, 4], fill: () => four },
    ];
  }
  if (kind !== 'latency') return [];
  return [
    { series: [3, 1], fill: colour('between') },
    { series: [2, 1], fill: colour('between') },
  ];
}

function topOf(kind, data) {
  if (kind === 'traffic') return nice(highest(data[1]) * 1.06);
  const top = Math.max(highest(data[1]), highest(data[2]));
  if (top < 0.9) return 1;
  return top > 60 ? 100 : nice(top * 1.1);
}

/** Decades that hold all times. */
function decades(data) {
  const values = data.slice(1).flatMap((column) => column.filter((value) => value > 0));
  if (values.length === 0) return [1, 1000];
  const low = 10 ** Math.floor(Math.log10(Math.min(...values) * 0.95));
  return [low, 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.05))];
}

/** At a tick of the upright axis. null: where decades are close uPlot leaves some without a text. */
export function tickText(kind, value) {
  if (value === null) return '';
  if (kind === 'latency') return time(value).replace('.0 ', ' ').replace('.00 ', ' ');
  return kind === 'errors' ? `${Number(value.toFixed(2))} %` : short(value);
}

const short = (value) => (value >= 1000 ? `${Number((value / 1000).toFixed(1))}k` : String(Number(value.toFixed(2))));

/** Round times, about one per 90 px, apart from both ends, which have their own. */
function timeSplits(from, to, width) {
  const steps = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600].map((seconds) => seconds * 1000);
  const wanted = Math.max(1, Math.floor(width / 90));
  const step = steps.find((size) => (to - from) / size <= wanted) ?? steps.at(-1);
  const apart = ((to - from) / width) * 56;
  const splits = [];
  for (let t = Math.ceil(from / step) * step; t < to; t += step) {
    if (t - from > apart && to - t > apart) splits.push(t);
  }
  return splits;
}

function axesOf(kind, colour, font) {
  const plain = { stroke: colour('muted'), font, ticks: { show: false }, grid: { stroke: colour('grid'), width: 1 } };
  const y = {
    ...plain,
    size: AXIS,
    gap: 4,
    splits: (u) => {
      const { min, max } = u.scales.y;
      if (kind !== 'latency') return [0, max / 2, max];
      const first = Math.round(Math.log10(min));
      const steps = Math.round(Math.log10(max)) - first;
      return Array.from({ length: steps + 1 }, (_, at) => 10 ** (first + at));
    },
    values: (_u, splits) => splits.map((value) => tickText(kind, value)),
  };
  const x = {
    ...plain,
    size: 20,
    gap: 3,
    grid: { show: false },
    splits: (u) => timeSplits(u.scales.x.min, u.scales.x.max, u.width - AXIS),
    values: (_u, splits) => splits.map(clockMinute),
  };
  return [x, y];
}

/** Where the chart begins, and where it ends: now, mostly. */
function drawEnds(u, colour, font, isNow) {
  const { ctx, bbox } = u;
  const { min, max } = u.scales.x;
  const y = bbox.top + bbox.height + 3 * devicePixelRatio;
  ctx.save();
  ctx.font = font.replace('10.5px', `${10.5 * devicePixelRatio}px`);
  ctx.fillStyle = colour('muted');
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  ctx.fillText(clockMinute(min), bbox.left, y);
  ctx.textAlign = 'right';
  ctx.fillText(isNow ? 'now' : clockMinute(max), bbox.left + bbox.width, y);
  ctx.restore();
}

function drawGround(u, kind, colour) {
  const { ctx, bbox } = u;
  const at = (value) => Math.round(u.valToPos(value, 'y', true)) + 0.5;
  const stroke = (y, style, dash) => {
    ctx.save();
    ctx.strokeStyle = style;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  };
  stroke(Math.round(bbox.top + bbox.height) - 0.5, colour('line2'), []);
  if (kind === 'errors') stroke(at(1), colour('warn-cell'), [4, 4]);
}

/**
 * `hooks`: `onIndex(index | null)` while a point is pointed at, `onSelect(from, to)` after a drag, `range()` gives the
 * times at both ends, `isNow()` whether the right one is the present, `onDraw(u)` after each drawing.
 */
export function makePlot(element, kind, data, { width, height }, hooks) {
  const colour = colours();
  const font = `10.5px ${getComputedStyle(document.body).fontFamily}`;
  const axes = axesOf(kind, colour, font);
  const options = {
    width,
    height,
    ms: 1,
    padding: [7, 2, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      sync: { key: 'page' },
      drag: { x: true, y: false, setScale: false },
    },
    scales: {
      x: { time: false, range: () => hooks.range() },
      y: kind === 'latency' ? { distr: 3, range: (u) => decades(u.data) } : { range: (u) => [0, topOf(kind, u.data)] },
    },
    axes,
    series: [{}, ...seriesOf(kind, colour)],
    bands: bandsOf(kind, colour),
    hooks: {
      draw: [
        (u) => {
          drawGround(u, kind, colour);
          drawEnds(u, colour, font, hooks.isNow());
          hooks.onDraw(u);
        },
      ],
      setCursor: [(u) => hooks.onIndex(u.cursor.left < 0 ? null : (u.cursor.idx ?? null))],
      setSelect: [
        (u) => {
          const { left, width: size } = u.select;
          if (size < 4) return;
          hooks.onSelect(u.posToVal(left, 'x'), u.posToVal(left + size, 'x'));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
  return new globalThis.uPlot(options, data, element);
}
