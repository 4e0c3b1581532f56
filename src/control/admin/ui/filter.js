/** The filter of a list: words, and terms that become chips when they are whole. It lives in the address. */
import { seen } from './format.js';
import { icon } from './icons.js';
import { samePlace } from './place.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { has, joinQuery, split, toggled } from './query.js';
import { state, useStore } from './store.js';

/** While somebody types on, ms: the first letter counts at once, those behind it when there is a rest. */
const PAUSE = 120;

export const useQuery = () => useStore((now) => now.place.params.q ?? '');

/** In place of the address, so that back leaves the screen. */
function setQuery(query) {
  history.replaceState(null, '', samePlace(state.place, { q: query }));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

const partsOf = (query) => {
  const { chips, text } = split(query);
  return { chips, typed: text };
};

/** `bad`: terms that the server does not understand. `hint`: what can be asked. */
export function Filter({ hint, bad = [] }) {
  const query = useQuery();
  const [parts, setParts] = useState(() => partsOf(query));
  const timer = useRef(0);
  const typedAt = useRef(0);
  const { chips, typed } = parts;
  useEffect(() => {
    // By a chip, a link, or back; what is being typed is on its way.
    if (timer.current === 0 && joinQuery(chips, typed) !== query) setParts(partsOf(query));
  }, [query]);
  const take = (next, pause) => {
    setParts(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      timer.current = 0;
      setQuery(joinQuery(next.chips, next.typed));
    }, pause);
  };
  /** A term is whole when something follows it. */
  const whole = (value, rest) => {
    const { chips: more, text } = split(value);
    return { chips: [...chips, ...more], typed: text === '' ? '' : text + rest };
  };
  const onInput = ({ target: { value } }) => {
    const now = performance.now();
    const isFirst = now - typedAt.current > PAUSE;
    typedAt.current = now;
    take(/\s$/.test(value) ? whole(value, ' ') : { chips, typed: value }, isFirst ? 0 : PAUSE);
  };
  const onKeyDown = (event) => {
    if (event.key === 'Backspace' && typed === '' && chips.length > 0)
      take({ chips: chips.slice(0, -1), typed: '' }, 0);
    else if (event.key === 'Enter') take(whole(typed, ''), 0);
    else if (event.key === 'Escape') event.target.blur();
  };
  const onBlur = () => setParts(whole(typed, ''));
  const isWrong = (term) => bad.some((one) => one.term === term);
  const off = (term) => take({ chips: chips.filter((one) => one !== term), typed }, 0);
  return html`<div class="filter">${icon('search')}
    ${chips.map((term) => html`<span class=${`chip ${isWrong(term) ? 'wrong' : ''}`} key=${term}><span>${seen(term)}</span><button aria-label=${`Take ${seen(term)} off`} onClick=${() => off(term)}>${icon('close')}</button></span>`)}
    <input id="filter" type="text" value=${typed} placeholder=${chips.length === 0 ? hint : ''} aria-label="Filter" aria-keyshortcuts="f" spellcheck=${false} autocomplete="off" onInput=${onInput} onKeyDown=${onKeyDown} onBlur=${onBlur} /><kbd>f</kbd></div>
    ${bad.length > 0 && html`<p class="filter-note" role="status">${bad.map((one) => html`<span><u>${seen(one.term)}</u>: ${seen(one.why)} </span>`)}</p>`}`;
}

/** A filter of one click. */
export function Pick({ term, word, count, shape }) {
  const query = useQuery();
  const on = has(query, term);
  if (!on && !(count > 0)) return null;
  return html`<button class="button" aria-pressed=${String(on)} onClick=${() => setQuery(toggled(query, term))}>${shape && icon(shape, shape)}${word} <b>${count}</b></button>`;
}

/** Which term to take off when nothing matches. */
export function NothingMatches() {
  const query = useQuery();
  const { chips, text } = split(query);
  const terms = [...chips, ...(text === '' ? [] : text.split(' '))];
  return html`<div class="empty">Nothing matches. ${terms.length > 0 && html`Take off: ${terms.map((term) => html` <button class="button" onClick=${() => setQuery(toggled(query, term))}>${seen(term)} ×</button>`)}`}</div>`;
}
