/**
 * A table of any length: the server sorts and filters, and the page has the rows in sight and a margin. Rows may change
 * places every 10 s at most, and not while the pointer or the focus is among them.
 */
import { columnClass } from './cells.js';
import { int, seen } from './format.js';
import { icon } from './icons.js';
import { samePlace } from './place.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js';
import { ask, objects, state, useStore } from './store.js';

/** Rows that are asked for together, and drawn above and below those in sight. */
const WINDOW = 60;
const MARGIN = 12;
/** Milliseconds. */
const REFRESH = 2000;
const REORDER = 10_000;
const SPARKS = 10_000;
const HEIGHTS = { compact: 30, roomy: 38 };
const CARD = 72;

const small = matchMedia('(max-width: 700px)');

/** `{ total, match, counts, rows, bad }`: rows by their index, as far as they are known; null until the first answer. */
function useWindow(list, query, sort, first, isHeld) {
  const [shown, setShown] = useState(null);
  const kept = useRef({ key: '', rows: new Map(), ordered: 0, at: 0 });
  const offset = Math.max(0, Math.floor((first - MARGIN) / 20) * 20);
  useEffect(() => {
    const abort = new AbortController();
    const key = `${query}\n${sort}`;
    const path = `list/${list}?q=${encodeURIComponent(query)}&sort=${encodeURIComponent(sort)}&offset=${offset}&limit=${WINDOW + 20}`;
    const known = {};
    let timer = 0;
    const take = (answer) => {
      const own = kept.current;
      const rows = objects(answer);
      const now = performance.now();
      const isNew = own.key !== key;
      const mayMove = isNew || own.match !== answer.match || (!isHeld() && now - own.ordered >= REORDER);
      if (isNew) own.rows = new Map();
      if (mayMove) {
        own.ordered = now;
        rows.forEach((row, at) => {
          own.rows.set(offset + at, row);
        });
      } else {
        // Figures change, places do not.
        const byName = new Map(rows.map((row) => [row.name, row]));
        for (let at = offset; at < offset + rows.length; at++) {
          const before = own.rows.get(at);
          own.rows.set(at, before === undefined ? rows[at - offset] : (byName.get(before.name) ?? before));
        }
      }
      for (const at of own.rows.keys()) {
        if (at >= answer.match || Math.abs(at - offset) > 400) own.rows.delete(at);
      }
      Object.assign(own, { key, match: answer.match });
      setShown({ ...answer, rows: own.rows, key });
    };
    const turn = async () => {
      try {
        if (!document.hidden || kept.current.key !== key) {
          const answer = await ask(path, abort.signal, known);
          if (answer !== null) take(answer);
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        if (error.status !== undefined)
          setShown({ total: 0, match: 0, counts: {}, rows: new Map(), error: error.message, key });
      }
      if (!abort.signal.aborted) timer = setTimeout(turn, REFRESH);
    };
    turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [list, query, sort, offset]);
  return shown;
}

/** Sparklines of the names in sight, asked every 10 s. */
function useSparks(kind, names) {
  const [sparks, setSparks] = useState({});
  const wanted = names.join(',');
  useEffect(() => {
    if (kind === '' || wanted === '') return undefined;
    const abort = new AbortController();
    const known = {};
    let timer = 0;
    const turn = async () => {
      try {
        if (!document.hidden) {
          const answer = await ask(
            `spark/${kind}?names=${names.map(encodeURIComponent).join(',')}`,
            abort.signal,
            known,
          );
          if (answer !== null) setSparks(answer.rows);
        }
      } catch {
        // They stay as they are.
      }
      if (!abort.signal.aborted) timer = setTimeout(turn, SPARKS);
    };
    timer = setTimeout(turn, 100);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [kind, wanted]);
  return sparks;
}

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
  const [view, setView] = useState({ first: 0, count: 30 });
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

  useEffect(() => {
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
    setView((now) => (now.first === first && now.count === count ? now : { first, count }));
  };
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [height]);
  useEffect(() => {
    box.current.scrollTop = 0;
    setActive(0);
  }, [query, sort]);
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
  const space = (count) =>
    count > 0 &&
    html`<tr class="space" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${count * height}px` }}></td></tr>`;
  const tabStop = active >= from && active < to ? active : from;
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
        <tbody>${space(from)}${inSight.map((index) => {
          const row = rows.get(index);
          if (row === undefined)
            return html`<tr class="waits" key=${`w${index}`} aria-rowindex=${index + 2}><td colspan=${columns.length}><div></div></td></tr>`;
          const more = { index, focus: index === tabStop ? 0 : -1, spark: spark[row.name] };
          return html`<tr key=${row.name} class=${rowClass(row)} aria-rowindex=${index + 2}>${columns.map((column) => html`<td class=${columnClass(column)} data-label=${column.mobileLabel}>${column.cell(row, more)}</td>`)}</tr>`;
        })}${space(match - to)}</tbody>
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
