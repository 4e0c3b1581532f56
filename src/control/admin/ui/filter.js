/** The filter of a list: words, and terms that become chips when they are whole. It lives in the address. */
import { seen } from './format.js';
import { icon } from './icons.js';
import { html, useEffect, useState } from './preact.js';
import { has, joinQuery, split, toggled } from './query.js';
import { replaceAddress, set, state, useStore } from './store.js';

/** Browsers bound how often an address changes; while somebody types it follows so late, ms. */
const ADDRESS_LATE = 250;

export const useQuery = () => useStore((now) => now.place.params.q ?? '');

let late = 0;

function tellAddress() {
  clearTimeout(late);
  late = 0;
  replaceAddress();
}

/** At once, also in the address unless somebody types on. */
function setQuery(query, isTyped = false) {
  // What is left begins with its first page.
  const { q = '', page, before, ...params } = state.place.params;
  if (query !== q) set({ place: { ...state.place, params: query === '' ? params : { ...params, q: query } } });
  clearTimeout(late);
  if (isTyped) late = setTimeout(tellAddress, ADDRESS_LATE);
  else tellAddress();
}

const partsOf = (query) => {
  const { chips, text } = split(query);
  return { chips, typed: text };
};

/** `bad`: terms that the server does not understand. `hint`: what can be asked. */
export function Filter({ hint, bad = [] }) {
  const query = useQuery();
  const [parts, setParts] = useState(() => partsOf(query));
  const { chips, typed } = parts;
  useEffect(() => {
    // By a chip, a link, or back; a blank that is being typed is none of it.
    if (joinQuery(chips, typed) !== query) setParts(partsOf(query));
  }, [query]);
  const take = (next, isTyped = false) => {
    setParts(next);
    setQuery(joinQuery(next.chips, next.typed), isTyped);
  };
  /** A term is whole when something follows it. */
  const whole = (value, rest) => {
    const { chips: more, text } = split(value);
    return { chips: [...chips, ...more], typed: text === '' ? '' : text + rest };
  };
  const onInput = ({ target: { value } }) =>
    take(/\s$/.test(value) ? whole(value, ' ') : { chips, typed: value }, true);
  const onKeyDown = (event) => {
    if (event.key === 'Backspace' && typed === '' && chips.length > 0) take({ chips: chips.slice(0, -1), typed: '' });
    else if (event.key === 'Enter') take(whole(typed, ''));
    else if (event.key === 'Escape') event.target.blur();
  };
  const onBlur = () => {
    setParts(whole(typed, ''));
    if (late !== 0) tellAddress();
  };
  const isWrong = (term) => bad.some((one) => one.term === term);
  const off = (term) => take({ chips: chips.filter((one) => one !== term), typed });
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
