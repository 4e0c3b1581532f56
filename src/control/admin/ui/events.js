/** One event: when, its shape, what happened and to what, how often. */
import { bothZones, clockTime, seen } from './format.js';
import { icon } from './icons.js';
import { address } from './place.js';
import { html, useState } from './preact.js';
import { rich } from './text.js';

function shapeOf({ kind, worse }) {
  if (worse === 2) return ['bad', 'bad'];
  if (worse === 1) return ['warn', 'warn'];
  if (worse === -1) return ['well', 'ok'];
  if (kind === 'keys' || kind === 'problem') return ['key', 'info'];
  if (kind === 'certificate') return ['certificates', 'ok'];
  return kind === 'process' ? ['start', 'info'] : ['idle', 'idle'];
}

const WORDS = { '-1': 'better', 0: '', 1: 'a little worse', 2: 'worse' };

/** Where an object is shown: '' for nowhere. */
function placeOf([kind, name, server]) {
  if (kind === 'frontend') return address(['frontends', name]);
  if (kind === 'backend') return address(['backends', name]);
  if (kind === 'server') return address(['backends', name, server]);
  if (kind === 'source' || kind === 'worker') return address('nodes');
  if (kind === 'certificate') return address('certificates');
  return kind === 'key' ? address('problems') : '';
}

function Times({ event, open, onClick }) {
  if (event.n < 2) return null;
  if (event.members === undefined || event.members.length === 0) return html`<span class="times">×${event.n}</span>`;
  return html`<button class="times" aria-expanded=${String(open)} aria-label=${`${event.n} times: which`} onClick=${onClick}>×${event.n}</button>`;
}

function Members({ event }) {
  const rest = event.n - event.members.length;
  return html`<span class="members">${event.members.map((of) => html`<a class="link" href=${placeOf(of)}>${seen(of.slice(1).join('/'))}</a>`)}${rest > 0 && html`<span class="mut">and ${rest} more</span>`}</span>`;
}

/** `whole`: with its kind and who says so. */
export function Event({ event, whole = false }) {
  const [open, setOpen] = useState(false);
  const [shape, tone] = shapeOf(event);
  const place = placeOf(event.of);
  const text = rich(event.text);
  return html`<li class="event"><time title=${bothZones(event.t)}>${clockTime(event.t)}</time>${icon(shape, tone)}${whole && html`<span class="kind">${seen(event.kind)}</span>`}
    <p><span class="vh">${WORDS[event.worse] ?? ''} </span>${place === '' ? text : html`<a href=${place}>${text}</a>`}<${Times} event=${event} open=${open} onClick=${() => setOpen(!open)} /></p>
    ${whole && html`<span class="who">${seen(event.by)}</span>`}
    ${event.detail.length > 0 && html`<span class="detail">${rich(event.detail)}</span>`}
    ${open && html`<${Members} event=${event} />`}
  </li>`;
}

export function EventList({ events, empty = 'Nothing in 24 h.' }) {
  if (events.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<ul class="event-list">${events.map((event) => html`<${Event} key=${event.id} event=${event} />`)}</ul>`;
}
