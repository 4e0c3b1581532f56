/** A table of any length: heads that sort, rows in a window, one stop of the tab key, and the keys that move it. */
import { columnClass } from './cells.js';
import { int, seen } from './format.js';
import { icon } from './icons.js';
import { samePlace } from './place.js';
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './preact.js';
import { MARGIN, useWindow } from './rows.js';
import { state, useSparks, useStore } from './store.js';

const HEIGHTS = { compact: 30, roomy: 38 };
const CARD = 72;

const small = matchMedia('(max-width: 700px)');

function sorting(sort) {
  return sort.startsWith('-') ? [sort.slice(1), 'descending'] : [sort, 'ascending'];
}

function setSort(sort) {
  location.hash = samePlace(state.place, { sort });
}

function Head({ columns, sort }) {
  const [by, direction] = sorting(sort);
  return html`<thead><tr>${columns.map((column) => {
    const { key, label, num, width, sorts = key } = column;
    const on = by === sorts;
    const first = num ? `-${sorts}` : sorts;
    const other = sort === first ? (num ? sorts : `-${sorts}`) : first;
    const classes = columnClass(column);
    const style = width === undefined ? undefined : { width };
    if (sorts === '') return html`<th scope="col" class=${classes} style=${style}>${label}</th>`;
    return html`<th scope="col" class=${classes} style=${style} aria-sort=${on ? direction : undefined}><button onClick=${() => setSort(other)}>${label}${on && icon(direction === 'ascending' ? 'up' : 'down')}</button></th>`;
  })}</tr></thead>`;
}

/**
 * `columns`: `{ key, label, num, wide, least, width, sorts, mobileLabel, cell(row, { index, focus, spark }) }`; the first has the
 * link of the row. `rowClass(row)`. `onAnswer(answer)`: counts and what was not understood. `empty`: what stands for no rows.
 */
export function Table({ list, label, query, sort, columns, rowClass, sparks = '', onAnswer, empty, note }) {
  const box = useRef(null);
  const held = useRef({ pointer: false, focus: false });
  const density = useStore((now) => now.density);
  const [isSmall, setSmall] = useState(small.matches);
  const key = `${query}\n${sort}`;
  const [seenRows, setView] = useState({ first: 0, count: 30, key });
  // Other rows begin at the first one.
  const view = seenRows.key === key ? seenRows : { ...seenRows, first: 0 };
  const [active, setActive] = useState(0);
  const wanted = useRef(-1);
  const height = isSmall ? CARD : HEIGHTS[density];
  const answer = useWindow(list, query, sort, view.first, () => held.current.pointer || held.current.focus);
  const rows = answer?.rows ?? new Map();
  const match = answer?.match ?? 0;
  const from = Math.max(0, Math.min(view.first - MARGIN, match - 1));
  const to = Math.min(match, view.first + view.count + MARGIN);
  const inSight = [];
  for (let at = from; at < to; at++) inSight.push(at);
  const names = inSight
    .filter((at) => at >= view.first && at < view.first + view.count)
    .map((at) => rows.get(at)?.name);
  const spark = useSparks(
    sparks,
    names.filter((name) => name !== undefined),
  );

  // In the same drawing as the rows.
  useLayoutEffect(() => {
    if (answer !== null) onAnswer?.(answer);
  }, [answer]);
  useEffect(() => {
    const follow = () => setSmall(small.matches);
    small.addEventListener('change', follow);
    return () => small.removeEventListener('change', follow);
  }, []);
  const measure = () => {
    const { scrollTop, clientHeight } = box.current;
    const first = Math.floor(scrollTop / height);
    const count = Math.ceil(clientHeight / height);
    const isSame = seenRows.first === first && seenRows.count === count && seenRows.key === key;
    if (!isSame) setView({ first, count, key });
  };
  useLayoutEffect(() => {
    box.current.scrollTop = 0;
    setActive(0);
  }, [key]);
  const measured = useRef();
  measured.current = measure;
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(() => measured.current());
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [height]);
  // A row that is far away is there after the next drawing.
  const focusWanted = () => {
    if (wanted.current < 0) return;
    const link = box.current.querySelector(`[data-row="${wanted.current}"]`);
    if (link === null) return;
    link.focus({ preventScroll: true });
    wanted.current = -1;
  };
  useLayoutEffect(focusWanted);
  const goTo = (index) => {
    const next = Math.max(0, Math.min(match - 1, index));
    wanted.current = next;
    setActive(next);
    const head = 28;
    const { scrollTop, clientHeight } = box.current;
    if (next * height < scrollTop) box.current.scrollTop = next * height;
    else if ((next + 1) * height > scrollTop + clientHeight - head)
      box.current.scrollTop = (next + 1) * height - clientHeight + head;
    focusWanted();
  };
  useEffect(() => {
    const onMove = (event) => goTo(held.current.focus ? active + event.detail : active);
    addEventListener('row', onMove);
    return () => removeEventListener('row', onMove);
  });
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: view.count - 1, PageUp: 1 - view.count }[event.key];
    const place = { Home: 0, End: match - 1 }[event.key];
    if (step === undefined && place === undefined) return;
    event.preventDefault();
    goTo(place ?? active + step);
  };
  const onFocus = (event) => {
    held.current.focus = true;
    const at = event.target.closest('[data-row]')?.dataset.row;
    if (at !== undefined && wanted.current < 0) setActive(Number(at));
  };
  const tabStop = active >= from && active < to ? active : from;
  // Whoever is told of an answer is drawn anew, and the table with it; its rows are not.
  const body = useMemo(() => {
    const space = (count) =>
      count > 0 &&
      html`<tr class="space" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${count * height}px` }}></td></tr>`;
    return html`<tbody>${space(from)}${inSight.map((index) => {
      const row = rows.get(index);
      if (row === undefined)
        return html`<tr class="waits" key=${`w${index}`} aria-rowindex=${index + 2}><td colspan=${columns.length}><div></div></td></tr>`;
      const more = { index, focus: index === tabStop ? 0 : -1, spark: spark[row.name] };
      return html`<tr key=${row.slot} class=${rowClass(row)} aria-rowindex=${index + 2}>${columns.map((column) => html`<td class=${columnClass(column)} data-label=${column.mobileLabel}>${column.cell(row, more)}</td>`)}</tr>`;
    })}${space(match - to)}</tbody>`;
  }, [answer, spark, columns, height, from, to, tabStop]);
  const isEmpty = answer !== null && match === 0;
  return html`<section class=${`panel ${density}`}>
    <div class=${`window ${isEmpty ? 'none' : ''}`} ref=${box} role="region" aria-label=${label} tabindex="-1" onScroll=${measure} onKeyDown=${onKeyDown} onfocusin=${onFocus} onfocusout=${() => {
      held.current.focus = false;
    }} onMouseEnter=${() => {
      held.current.pointer = true;
    }} onMouseLeave=${() => {
      held.current.pointer = false;
    }}>${
      isEmpty
        ? answer.error === undefined
          ? empty(answer)
          : html`<p class="empty">${seen(answer.error)}</p>`
        : html`<table class="cards" aria-label=${label} aria-rowcount=${match + 1} aria-busy=${answer === null}>
        <${Head} columns=${columns} sort=${sort} />
        ${body}
      </table>`
    }</div>
    ${!isEmpty && html`<div class="foot"><span>Rows ${int(Math.min(match, view.first + 1))} to ${int(Math.min(match, view.first + view.count - 1))} of ${int(match)}</span><span class="wide-only"><kbd>j</kbd> <kbd>k</kbd> row</span><span class="wide-only"><kbd>Enter</kbd> open</span><span class="wide-only"><kbd>f</kbd> filter</span><span class="wide-only"><kbd>s</kbd> sort</span>${note && html`<span class="push"></span><span>${note}</span>`}</div>`}
  </section>`;
}

/** `list`: `[sort, word]`. By hand where heads are out of sight, and by the key `s`. */
export function SortChoice({ list, sort }) {
  return html`<label class="sort">Sort <select id="sort" value=${sort} onChange=${(event) => setSort(event.target.value)}>
    ${list.some(([name]) => name === sort) ? '' : html`<option value=${sort}>as chosen</option>`}
    ${list.map(([name, word]) => html`<option value=${name} selected=${name === sort}>${word}</option>`)}
  </select></label>`;
}
