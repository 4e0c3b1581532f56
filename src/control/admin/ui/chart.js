/** One chart: head, legend that is the readout, plot, marks of events, and the same as a table. */
import { bothZones, clockTime, rate, share, time } from './format.js';
import { cut, fives, groupedMarks, numberSides, RANGES, sentence, stacked, times } from './history.js';
import { icon } from './icons.js';
import { address, samePlace } from './place.js';
import { columnsOf, makePlot } from './plot.js';
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './preact.js';
import { state, useStore } from './store.js';

const TITLES = { traffic: 'Requests per second', latency: 'Response time', errors: 'Errors' };
const MARKS = { key: 'key', worse: 'cross', little: 'warn', better: 'better' };
/** Filters of tsuji are in UTC. */
const eventsUpTo = (t) => address('events', { q: `before:${new Date(t + 60_000).toISOString().slice(11, 16)}` });

/** Marks that are nearer become one, px. */
const NEAR = 9;
const MOST_ROWS = 48;

const narrow = matchMedia('(max-width: 700px)');

function Legend({ kind, at }) {
  if (kind === 'traffic') {
    return ['c2', 'c3', 'c4', 'c5'].map(
      (name) => html`<span><i class=${`is-${name}`}></i>${name[1]}xx <b>${rate(at[name])}</b></span>`,
    );
  }
  if (kind === 'latency') {
    return ['p50', 'p90', 'p99'].map(
      (name) => html`<span><i class=${`line is-${name}`}></i>${name} <b>${time(at[name])}</b></span>`,
    );
  }
  return html`<span>5xx/s <b>${rate(at.c5)}</b></span><span>4xx/s <b>${rate(at.c4)}</b></span>${at.max5 !== undefined && html`<span>highest <b>${share(at.max5)} %</b></span>`}<span><i class="line is-one"></i>1 % line</span>`;
}

function pointAt(history, index) {
  const names = ['c2', 'c3', 'c4', 'c5', 'p50', 'p90', 'p99', 'max5'];
  return Object.fromEntries(names.map((name) => [name, history[name][index]]));
}

/** `now`: figures of the last 10 s, `{ c, lat }`. */
function nowOf({ c, lat }) {
  const [c2, c3, c4, c5] = c ?? [];
  const [p50, p90, p99] = lat ?? [];
  return { c2, c3, c4, c5, p50, p90, p99 };
}

function Head({ kind, at, note }) {
  const all = at.c2 === undefined || at.c2 === null ? null : at.c2 + at.c3 + at.c4 + at.c5;
  const part = all === null || all === 0 ? null : at.c5 / all;
  if (kind === 'traffic') return html`${rate(all)}<small>${note}</small>`;
  if (kind === 'latency') return html`${time(at.p99)}<small>p99${note === '' ? '' : `, ${note}`}</small>`;
  return html`<span class=${part >= 0.01 ? 'bad' : ''}>${share(part)}${part === null ? '' : ' %'}</span><small>of requests are 5xx</small>`;
}

function Marks({ history, plot, width }) {
  if (plot === null || width === 0) return null;
  const { min, max } = plot.scales.x;
  const groups = groupedMarks(
    history.marks.filter(([t]) => t >= min && t <= max),
    ((max - min) / plot.bbox.width) * devicePixelRatio * NEAR,
  );
  const lefts = groups.map(({ t }) => plot.valToPos(t, 'x') + plot.bbox.left / devicePixelRatio);
  const sides = numberSides(lefts, width);
  return groups.map(({ t, kind, n, texts }, at) => {
    const left = lefts[at];
    const label = `${clockTime(t)} ${texts.slice(0, 4).join('; ')}${texts.length > 4 ? `; ${texts.length - 4} more` : ''}`;
    return html`<span class=${`mark ${kind} ${sides[at] === 'left' ? 'end' : ''}`} style=${{ left: `${left}px` }}><a href=${eventsUpTo(t)} title=${label} aria-label=${label}>${icon(MARKS[kind] ?? 'key')}</a>${n > 1 && sides[at] !== '' && html`<span class="times">${n}</span>`}</span>`;
  });
}

/** Points at even distances, as many as a person reads. */
function AsTable({ kind, history }) {
  const stride = Math.max(1, Math.ceil(history.c2.length / MOST_ROWS));
  const t = times(history);
  const all = stacked(history)[3];
  const part = fives(history);
  const rows = t.map((_, at) => at).filter((at) => (t.length - 1 - at) % stride === 0 && history.c2[at] !== null);
  const heads = {
    traffic: ['All', '2xx', '3xx', '4xx', '5xx'],
    latency: ['p50', 'p90', 'p99'],
    errors: ['5xx %', '5xx/s', '4xx/s'],
  }[kind];
  const cells = {
    traffic: (at) => [all[at], history.c2[at], history.c3[at], history.c4[at], history.c5[at]].map(rate),
    latency: (at) => [history.p50[at], history.p90[at], history.p99[at]].map(time),
    errors: (at) => [share(part[at]), rate(history.c5[at]), rate(history.c4[at])],
  }[kind];
  return html`<div class="chart-table" tabindex="0" role="region" aria-label=${`${TITLES[kind]} as a table`}><table><caption class="vh">${TITLES[kind]}, a point of ${history.step / 1000} s each</caption>
    <thead><tr><th scope="col">Time</th>${heads.map((word) => html`<th scope="col" class="num">${word}</th>`)}</tr></thead>
    <tbody>${rows.reverse().map((at) => html`<tr><td title=${bothZones(t[at])}>${clockTime(t[at])}</td>${cells(at).map((text) => html`<td class="num">${text}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** `history`: of the whole range, null while it is not there. `range`: its name. */
export function Chart({ kind, history, range, now, note = '', span, height: wanted = 148, small = false }) {
  const height = narrow.matches ? 120 : wanted;
  const box = useRef(null);
  const plot = useRef(null);
  const [width, setWidth] = useState(0);
  const [index, setIndex] = useState(null);
  const [, drawn] = useState(0);
  const [open, setOpen] = useState(false);
  const theme = useStore((s) => s.shownTheme);
  const clock = useStore((s) => s.clock);
  const printing = useStore((s) => s.printing);
  const { from, to } = useStore((s) => s.place.params);
  const shown = useMemo(() => (history === null ? null : cut(history, Number(from), Number(to))), [history, from, to]);
  const latest = useRef();
  // A plot is drawn once more by what it had, until another range has come.
  if (shown !== null) latest.current = { shown, range, cut: Number(from) < Number(to) };

  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const ends = () => {
    const { shown: part, range: name, cut: isCut } = latest.current;
    const end = part.t0 + (part.c2.length - 1) * part.step;
    if (isCut) return [part.t0, Math.max(end, part.t0 + part.step)];
    return [Math.min(part.t0, end - (RANGES[name].points - 1) * part.step), end];
  };
  useEffect(() => {
    if (shown === null || width < 60) return undefined;
    const made = makePlot(
      box.current,
      kind,
      columnsOf(kind, shown),
      { width, height },
      {
        range: ends,
        isNow: () => !latest.current.cut,
        onIndex: setIndex,
        onDraw: () => drawn((n) => n + 1),
        onSelect: (first, last) => {
          location.hash = samePlace(state.place, {
            range: latest.current.range,
            from: Math.round(first),
            to: Math.round(last),
          });
        },
      },
    );
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [shown === null, width >= 60, kind, theme, clock, range]);
  useEffect(() => {
    if (width >= 60) plot.current?.setSize({ width, height });
  }, [width, height]);
  useEffect(() => {
    if (shown !== null) plot.current?.setData(columnsOf(kind, shown));
  }, [shown]);

  const onKeyDown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (step === undefined || plot.current === null) return;
    event.preventDefault();
    const u = plot.current;
    const last = u.data[0].length - 1;
    const next = Math.max(0, Math.min(last, (index ?? last) + step));
    u.setCursor({ left: u.valToPos(u.data[0][next], 'x'), top: 10 });
  };
  const isQuiet = now.c === null || now.c.every((value) => value === 0);
  const none = shown !== null && isQuiet && stacked(shown)[3].every((value) => value === null || value === 0);
  const at = index !== null && shown !== null && index < shown.c2.length ? pointAt(shown, index) : nowOf(now);
  const pointed = index !== null && shown !== null && index < shown.c2.length;
  const word = RANGES[range].word;
  return html`<section class=${`panel chart ${span}`}>
    <h2>${TITLES[kind]}</h2>
    <div class=${`big ${small ? 'small' : ''}`}><${Head} kind=${kind} at=${at} note=${pointed ? clockTime(shown.t0 + index * shown.step) : note} /></div>
    <div class="legend"><${Legend} kind=${kind} at=${at} /></div>
    <div class="plot-box">
      <div class="plot" ref=${box} tabindex="0" role="img" style=${{ height: `${height}px` }} aria-label=${shown === null ? `${TITLES[kind]}: not known yet.` : sentence(kind, shown, word)} onKeyDown=${onKeyDown} onBlur=${() => plot.current?.setCursor({ left: -10, top: -10 })}></div>
      ${none && html`<p class="plot-note">No request in this range.</p>`}
      ${shown !== null && html`<${Marks} history=${shown} plot=${plot.current} width=${width} />`}
    </div>
    <div class="chart-foot"><button class="quiet" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? 'Without the table' : 'As a table'}</button></div>
    ${(open || printing) && shown !== null && html`<${AsTable} kind=${kind} history=${shown} />`}
  </section>`;
}
