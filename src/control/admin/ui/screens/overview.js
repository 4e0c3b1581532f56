/** The overview: do clients get answers, since when not, and where to look. */
import { columnClass, Facts } from '../cells.js';
import { Charts } from '../charts.js';
import { EventList } from '../events.js';
import { bytes, count, int, rate, time } from '../format.js';
import { BACKEND_CELLS, PlainRow } from '../owners.js';
import { address } from '../place.js';
import { html, useRef } from '../preact.js';
import { RangeChoice, useHistory, useRange } from '../ranges.js';
import { objects, useAnswer, useSparks, useStore } from '../store.js';
import { Band } from '../verdict.js';
import { Wall } from '../wall.js';
import { ColdStart } from './cold-start.js';
import { Head } from './head.js';
import { NoKeys } from './no-keys.js';

/** Those that matter; the list has all. */
const ROWS = 14;
const EVENTS = 8;
/** Milliseconds. */
const REORDER = 10_000;

function overviewFacts(o) {
  const [received, receivedUnit] = bytes(o.bytes?.[0]);
  const [sent, sentUnit] = bytes(o.bytes?.[1]);
  const perSecond = (unit) => (unit === '' ? '' : `${unit}/s`);
  const [retried, refused] = o.retries ?? [null, 0];
  return [
    ['In flight', int(o.inflight), 'requests'],
    ['Connections in', int(o.conns[0]), ''],
    ['Connections out', int(o.conns[1]), ''],
    ['Received', received, perSecond(receivedUnit)],
    ['Sent', sent, perSecond(sentUnit)],
    ['Retries', rate(retried), refused > 0 ? '/s, at limit' : '/s'],
    ['Changes', int(o.changes), 'in 24 h'],
    ['Loop delay', time(o.lag), ''],
  ];
}

/** Rows change places every 10 s at most and not below the pointer, but for one that fails or is well again. */
function useSteady(rows) {
  const kept = useRef({ names: [], at: 0, bad: '' });
  const isHeld = useRef(false);
  const own = kept.current;
  const bad = rows.map(({ name, state }) => (state === 'ok' ? '' : `${name} ${state}`)).join();
  const now = performance.now();
  if (bad !== own.bad || rows.length !== own.names.length || (!isHeld.current && now - own.at >= REORDER)) {
    Object.assign(own, { names: rows.map(({ name }) => name), at: now, bad });
  }
  const place = new Map(own.names.map((name, at) => [name, at]));
  const steady = [...rows].sort((a, b) => (place.get(a.name) ?? ROWS) - (place.get(b.name) ?? ROWS));
  const hold = (held) => () => {
    isHeld.current = held;
  };
  return [
    steady,
    { onMouseEnter: hold(true), onMouseLeave: hold(false), onfocusin: hold(true), onfocusout: hold(false) },
  ];
}

function WorstBackends({ trouble }) {
  const sort = trouble ? 'worst' : '-rate';
  const { data } = useAnswer(`list/backends?sort=${sort}&offset=0&limit=${ROWS}`, 2000);
  const [rows, holds] = useSteady(data === null ? [] : objects(data));
  const sparks = useSparks(
    'backends',
    rows.map(({ name }) => name),
  );
  const title = trouble ? 'Backends, the worst first' : 'Backends, the busiest first';
  const table = html`<div class="scroll-x" tabindex="0" role="region" aria-label=${title}><table class="cards" ...${holds}>
    <thead><tr>${BACKEND_CELLS.map((column) => html`<th scope="col" class=${columnClass(column)} style=${{ width: column.width }}>${column.label}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<${PlainRow} key=${row.name} row=${row} columns=${BACKEND_CELLS} spark=${sparks[row.name]} />`)}</tbody>
  </table></div>`;
  return html`<section class="panel s8"><header><h2>${title}</h2><span class="count">${data === null ? '' : `${rows.length} of ${int(data.total)}`}</span><span class="right"><a class="link" href=${address('backends')}>All backends</a></span></header>
    ${data !== null && data.total === 0 ? html`<${NoKeys} />` : table}</section>`;
}

function LastEvents() {
  const heard = useStore((now) => now.events);
  const { data } = useAnswer(`events?limit=${EVENTS}`);
  const told = data?.events ?? [];
  const known = new Set(heard.map(({ id }) => id));
  const events = [...heard, ...told.filter(({ id }) => !known.has(id))].slice(0, EVENTS);
  return html`<section class="panel"><header><h2>Events</h2><span class="right"><a class="link" href=${address('events')}>All events</a></span></header>${data !== null && html`<${EventList} events=${events} />`}</section>`;
}

function line(overview, contact) {
  if (contact === 'lost' || overview === null || overview.level !== 'healthy') return '';
  const { impaired } = overview.backends;
  if (impaired > 0) return `${count(impaired, 'backend is', 'backends are')} impaired, all answer.`;
  return overview.servers === null ? '' : 'All backends answer.';
}

export function Overview() {
  const overview = useStore((now) => now.overview);
  const contact = useStore((now) => now.contact);
  const range = useRange();
  const history = useHistory('all', range);
  const isStarting = overview?.level === 'starting';
  const trouble = overview !== null && overview.backends.failing + overview.backends.impaired > 0;
  return html`<${Head} title="Overview" sub=${line(overview, contact)}><${RangeChoice} /><//>
    <${Band} whole=${true} />
    <div class="grid"><${Charts} history=${history} range=${range} now=${overview ?? { c: null, lat: null }} />
      ${overview !== null && html`<${Facts} list=${overviewFacts(overview)} />`}
      ${isStarting ? html`<${ColdStart} />` : html`<${WorstBackends} trouble=${trouble} />`}
      <div class="column s4">${!isStarting && html`<${Wall} />`}<${LastEvents} /></div>
    </div>`;
}
