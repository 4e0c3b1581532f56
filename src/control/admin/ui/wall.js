/** Every server as a cell, by backend in the order of names, in one drawing: a thousand cells are five elements. */
import { kindOfLetter } from './cells.js';
import { count, int, seen } from './format.js';
import { address } from './place.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { useAnswer, useStore } from './store.js';

const CELL = 9;
const GAP = 1.5;
const BETWEEN = 7;
const ROW = 14;
const MOST_WIDE = 24;

/** Where each backend's cells are: `{ groups: [{ name, letters, x, y }], height }`. */
function placed(names, states, width) {
  const groups = [];
  let x = 0;
  let y = 1;
  states.split('|').forEach((letters, at) => {
    if (names[at] === undefined) return;
    // A backend of many servers goes on in the next line.
    for (let from = 0; from < Math.max(1, letters.length); from += MOST_WIDE) {
      const part = letters.slice(from, from + MOST_WIDE);
      const size = part.length * (CELL + GAP);
      if (x > 0 && x + size > width) {
        x = 0;
        y += ROW;
      }
      groups.push({ name: names[at], letters: part, x, y, size });
      x += size + BETWEEN;
    }
  });
  return { groups, height: y + ROW };
}

const square = (x, y, inset = 0) => {
  const size = CELL - 2 * inset;
  return `M${(x + inset).toFixed(1)} ${y + inset}h${size}v${size}h${-size}z`;
};

function paths(groups) {
  const d = { ok: '', bad: '', cross: '', warn: '', half: '', idle: '' };
  for (const { letters, x: left, y } of groups) {
    [...letters].forEach((letter, at) => {
      const x = left + at * (CELL + GAP);
      const kind = kindOfLetter(letter);
      if (kind === '') d.ok += square(x, y);
      else if (kind === 'bad') {
        d.bad += square(x, y);
        d.cross += `M${(x + 2).toFixed(1)} ${y + 2}l5 5m0 -5l-5 5`;
      } else if (kind === 'warn') {
        d.warn += square(x, y, 0.6);
        d.half += `M${x.toFixed(1)} ${y}h${CELL}l${-CELL} ${CELL}z`;
      } else d.idle += square(x, y, 0.6);
    });
  }
  return d;
}

function counted(states) {
  const kinds = { '': 0, bad: 0, warn: 0, idle: 0 };
  for (const letter of states) if (letter !== '|') kinds[kindOfLetter(letter)]++;
  return kinds;
}

export function Wall() {
  const moved = useStore((now) => now.overview?.rev.wall ?? 0);
  const [turn, setTurn] = useState(0);
  const { data } = useAnswer('wall', 0, turn);
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  const [over, setOver] = useState(null);
  const last = useRef(0);
  useEffect(() => {
    // At most every 2 s, however fast it moves.
    const timer = setTimeout(
      () => {
        last.current = performance.now();
        setTurn((n) => n + 1);
      },
      Math.max(0, 2000 - (performance.now() - last.current)),
    );
    return () => clearTimeout(timer);
  }, [moved]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const { groups, height } =
    data === null || width === 0 ? { groups: [], height: ROW } : placed(data.names, data.states, width);
  const d = paths(groups);
  const kinds = counted(data?.states ?? '');
  const find = (event) => {
    const { left, top } = box.current.querySelector('svg').getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    return groups.find((g) => y >= g.y - 2 && y < g.y + ROW - 2 && x >= g.x - 2 && x < g.x + g.size + 2) ?? null;
  };
  const what = data?.per === 'backend' ? 'backend' : 'server';
  const all = kinds[''] + kinds.bad + kinds.warn + kinds.idle;
  const outOf = kinds.bad === 0 ? `all ${count(all, what)} well` : `${kinds.bad} of ${count(all, what)} out`;
  return html`<section class="panel">
    <header><h2>Every ${what}</h2><span class="count">${
      data === null
        ? ''
        : kinds.bad > 0
          ? html`<span class="bad b">${int(kinds.bad)} out</span> of ${int(all)}`
          : `${int(all)} in ${count(data.names.length, 'backend')}`
    }</span></header>
    <div class="wall" ref=${box}>
      <svg height=${height} role="img" aria-label=${`Every ${what}: ${outOf}`} data-ok=${kinds['']} data-bad=${kinds.bad} onMouseMove=${(event) => setOver(find(event))} onMouseLeave=${() => setOver(null)} onClick=${(
        event,
      ) => {
        const group = find(event);
        if (group !== null) location.hash = address(['backends', group.name]);
      }}>
        <title>${over === null ? '' : seen(over.name)}</title>
        ${['ok', 'bad', 'cross', 'half', 'warn', 'idle'].map((kind) => d[kind] !== '' && html`<path key=${kind} class=${`cell-${kind}`} d=${d[kind]} />`)}
        ${over !== null && html`<rect class="cell-over" x=${over.x - 1.5} y=${over.y - 1.5} width=${over.size + 1.5} height=${CELL + 3} rx="2" />`}
      </svg>
      ${data !== null && data.hidden > 0 && html`<p class="mut">${count(data.hidden, 'backend')} more, all well</p>`}
    </div>
  </section>`;
}
