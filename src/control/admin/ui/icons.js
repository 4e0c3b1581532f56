/** Shapes of 16 by 16 in the colour of the text around them: every state has its own, so that none needs its colour. */
import { html } from './preact.js';

const HOLE = 'var(--panel, #fff)';
const line = (d, width = 1.5) =>
  html`<path d=${d} fill="none" stroke="currentColor" stroke-width=${width} stroke-linecap="round" stroke-linejoin="round" />`;
const cut = (d, width = 1.8) =>
  html`<path d=${d} fill="none" stroke=${HOLE} stroke-width=${width} stroke-linecap="round" stroke-linejoin="round" />`;
const ring = (r, dash) =>
  html`<circle cx="8" cy="8" r=${r} fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray=${dash} />`;
const dot = (cx, cy, r) => html`<circle cx=${cx} cy=${cy} r=${r} fill="currentColor" />`;
const solid = (d) => html`<path d=${d} fill="currentColor" />`;

const SHAPES = {
  // States.
  well: () => html`${dot(8, 8, 7)}${cut('M4.8 8.3l2.2 2.2 4.3-4.6')}`,
  ok: () => line('M3.2 8.6l3.1 3.1 6.5-7.2', 2),
  warn: () =>
    html`<path d="M8 1.2L15.4 14.4H.6z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" />${cut('M8 6v4', 1.7)}<circle cx="8" cy="12.3" r="1" fill=${HOLE} />`,
  bad: () => html`${solid('M5 1h6l4 4v6l-4 4H5l-4-4V5z')}${cut('M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2')}`,
  idle: () => ring(6),
  drain: () => html`${ring(6.3)}${line('M8 4.6v6M5.4 8.2L8 10.8l2.6-2.6', 1.6)}`,
  start: () => html`${ring(6.3)}${solid('M8 1.7a6.3 6.3 0 0 1 0 12.6z')}`,
  trial: () => html`${ring(6.3, '3 2')}${dot(8, 8, 2.6)}`,
  unknown: () =>
    html`${ring(6.4, '2.4 2')}${line('M6.2 6.3a1.9 1.9 0 1 1 2.6 1.9c-.6.3-.8.6-.8 1.2', 1.4)}${dot(8, 11.5, 0.9)}`,
  key: () => line('M8 1.5L14.5 8 8 14.5 1.5 8z', 1.6),
  cross: () => line('M3 3l10 10M13 3L3 13', 2.6),
  better: () => solid('M8 1L15 8 8 15 1 8z'),
  // Screens and controls.
  overview: () => line('M2 2h5v6H2zM9 2h5v4H9zM9 8h5v6H9zM2 10h5v4H2z', 1.4),
  frontends: () =>
    line('M1.5 8h5M6.5 8c3 0 2.5-4.5 6-4.5M6.5 8c3 0 2.5 4.5 6 4.5M11 1.7l2.3 1.8L11 5.3M11 10.7l2.3 1.8-2.3 1.8', 1.4),
  backends: () => line('M2 2.5h12v3.2H2zM2 10.3h12v3.2H2zM2 6.4h12v3.2H2z', 1.3),
  live: () => line('M1 8.5h3l2-5.5 3.5 10 2-4.5H15'),
  explain: () => line('M3 14V2M3 3.2h8.5l2 2-2 2H3M13 9H6.5l-1.6 1.8 1.6 1.7H13z', 1.4),
  problems: () => html`${line('M8 2l6.6 11.8H1.4z', 1.4)}${line('M8 6.5v3.2M8 11.6v.2')}`,
  events: () =>
    html`${line('M6 3.5h8.5M6 8h8.5M6 12.5h8.5', 1.4)}${dot(2.5, 3.5, 1.3)}${dot(2.5, 8, 1.3)}${dot(2.5, 12.5, 1.3)}`,
  certificates: () => line('M8 1.5l5.5 2v4c0 3.4-2.2 5.7-5.5 7-3.3-1.3-5.5-3.6-5.5-7v-4z', 1.4),
  nodes: () =>
    html`<g fill="none" stroke="currentColor" stroke-width="1.4"><circle cx="8" cy="3.5" r="2" /><circle cx="3.2" cy="12" r="2" /><circle cx="12.8" cy="12" r="2" /><path d="M7 5.3l-2.8 5M9 5.3l2.8 5M5.3 12h5.4" /></g>`,
  settings: () =>
    html`${line('M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6', 1.4)}<g fill="none" stroke="currentColor" stroke-width="1.4"><circle cx="10" cy="4.5" r="1.9" /><circle cx="6" cy="11.5" r="1.9" /></g>`,
  more: () => html`${dot(3, 8, 1.4)}${dot(8, 8, 1.4)}${dot(13, 8, 1.4)}`,
  search: () =>
    html`<circle cx="7" cy="7" r="4.7" fill="none" stroke="currentColor" stroke-width="1.5" />${line('M10.5 10.5L14 14')}`,
  theme: () => html`${ring(6)}${solid('M8 2a6 6 0 0 1 0 12z')}`,
  up: () => line('M8 13V3M4 7l4-4 4 4', 2),
  down: () => line('M8 3v10M4 9l4 4 4-4', 2),
  go: () => line('M6 3.5L10.5 8 6 12.5', 1.7),
  close: () => line('M4 4l8 8M12 4l-8 8', 1.7),
};

/** `tone`: the class of its colour. */
export function icon(name, tone = '') {
  const shape = SHAPES[name] ?? SHAPES.idle;
  return html`<svg class=${`i ${tone}`} viewBox="0 0 16 16" aria-hidden="true" data-shape=${name}>${shape()}</svg>`;
}

export function mark() {
  return html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#18202c" /><path d="M16 5.5v21M5.5 16h21" stroke="#fff" stroke-width="3.2" stroke-linecap="round" /><path d="M8.5 8.5l4.3 4.3M23.5 8.5l-4.3 4.3M8.5 23.5l4.3-4.3M23.5 23.5l-4.3-4.3" stroke="#93a9ff" stroke-width="2.6" stroke-linecap="round" /></svg>`;
}

/** Level of the verdict → `[word, shape, tone]`. */
export const LEVELS = {
  healthy: ['Healthy', 'well', 'ok'],
  degraded: ['Degraded', 'warn', 'warn'],
  outage: ['Outage', 'bad', 'bad'],
  starting: ['Starting', 'start', 'info'],
  unknown: ['Unknown', 'unknown', 'idle'],
};

/** State of a server → `[shape, tone, word, kind of its cell]`. */
export const SERVER_STATES = {
  'in rotation': ['ok', 'ok', 'in rotation', ''],
  'slow start': ['start', 'info', 'slow start', ''],
  'on trial': ['trial', 'warn', 'on trial', 'warn'],
  suspect: ['trial', 'warn', 'suspect', 'warn'],
  draining: ['drain', 'idle', 'draining', 'idle'],
  'not used': ['idle', 'idle', 'not used', 'idle'],
  'left out': ['idle', 'idle', 'left out', 'idle'],
  failing: ['bad', 'bad', 'in rotation, fails', 'bad'],
  down: ['bad', 'bad', 'down', 'bad'],
  ejected: ['bad', 'bad', 'ejected', 'bad'],
};

/** State of a backend or frontend → `[shape, tone, word, class of its row]`. */
export const STATES = {
  ok: ['ok', 'ok', 'ok', ''],
  idle: ['idle', 'idle', 'idle', ''],
  impaired: ['warn', 'warn', 'impaired', 'iswarn'],
  failing: ['bad', 'bad', 'failing', 'isbad'],
};

export const serverState = (state) => SERVER_STATES[state] ?? ['idle', 'idle', state, 'idle'];
export const ownerState = (state) => STATES[state] ?? STATES.idle;
