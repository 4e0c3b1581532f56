/** Long lists of rows that differ in height, page by page: which one is in the address. */
import { int } from '../format.js';
import { icon } from '../icons.js';
import { samePlace } from '../place.js';
import { html } from '../preact.js';
import { state, useStore } from '../store.js';

/** Rows of a page. */
export const PAGE = 100;

/** The number of the page, from 1 on, and the window of the list that it is. */
export function usePage() {
  const page = useStore(({ place }) => Math.max(1, Math.floor(Number(place.params.page)) || 1));
  return [page, `offset=${(page - 1) * PAGE}&limit=${PAGE}`];
}

/** `newer`, `older`: what of the address is another one there; undefined: there is none. */
export function Turn({ text, newer, older, words = ['Before', 'Next'] }) {
  const link = (changes, word) =>
    changes !== undefined &&
    html`<a class="button" href=${samePlace(state.place, changes)} onClick=${() => scrollTo(0, 0)}>${word}</a>`;
  return html`<nav class="turn" aria-label="Pages">${text !== '' && html`<span class="sub">${text}</span>`}${link(newer, words[0])}${link(older, html`${words[1]}${icon('go')}`)}</nav>`;
}

export function Pages({ page, match }) {
  const last = Math.max(1, Math.ceil(match / PAGE));
  if (last === 1 && page === 1) return null;
  const from = (page - 1) * PAGE;
  const text = page > last ? '' : `${int(from + 1)} to ${int(Math.min(match, from + PAGE))} of ${int(match)}`;
  const newer = page > 1 ? { page: page === 2 ? '' : Math.min(page - 1, last) } : undefined;
  return html`<${Turn} text=${text} newer=${newer} older=${page < last ? { page: page + 1 } : undefined} />`;
}
