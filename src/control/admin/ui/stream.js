/**
 * The stream of figures, their age, and what happens without it: it is opened again every few seconds, and where no stream
 * is to be had the overview is asked for. A hidden tab needs little: after a minute it only asks, so that its title is true.
 */
import { API, ask, set, state } from './store.js';

/** Milliseconds. */
const LATE = 4000;
const LOST = 7000;
const RETRY = 4000;
const ASK = 2000;
const ASK_HIDDEN = 30_000;
const CLOSE_HIDDEN = 60_000;
const MOST_EVENTS = 60;

const newest = (events) => events.sort((a, b) => b.id - a.id).slice(0, MOST_EVENTS);

const known = {};
let source = null;
let heard = 0;
let asking = 0;
let reopen = 0;
let hide = 0;

export function startStream() {
  open();
  setInterval(tick, 500);
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hide);
    if (document.hidden) hide = setTimeout(rest, CLOSE_HIDDEN);
    else if (source === null || state.contact === 'lost') retryNow();
  });
}

/** Asks at once. */
export function retryNow() {
  clearTimeout(reopen);
  clearTimeout(asking);
  asking = 0;
  open();
}

function open() {
  source?.close();
  set({ retryAt: Date.now() + RETRY });
  const opened = new EventSource(`${API}stream`);
  source = opened;
  const on = (name, take) =>
    opened.addEventListener(name, (event) => {
      if (source === opened) take(JSON.parse(event.data));
    });
  on('overview', hear);
  on('findings', (findings) => set({ findings }));
  // One that others have joined comes again.
  on('event', (event) => set({ events: newest([event, ...state.events.filter(({ id }) => id !== event.id)]) }));
  opened.onerror = () => {
    if (source !== opened) return;
    opened.close();
    source = null;
    // Refused, as with too many streams: ask instead, and look for a stream later.
    if (asking === 0) poll();
    reopen = setTimeout(open, state.contact === 'live' ? ASK_HIDDEN : RETRY);
  };
}

/** A hidden tab. */
function rest() {
  source?.close();
  source = null;
  clearTimeout(reopen);
  poll();
}

async function poll() {
  clearTimeout(asking);
  asking = -1;
  set({ retryAt: Date.now() + RETRY });
  try {
    const overview = await ask('overview', AbortSignal.timeout(LOST), known);
    if (overview !== null) hear(overview);
    else if (state.overview !== null) hear(state.overview);
  } catch {
    // No contact: the age says so.
  }
  if (source !== null && source.readyState === EventSource.OPEN) asking = 0;
  else asking = setTimeout(poll, document.hidden ? ASK_HIDDEN : ASK);
}

function hear(overview) {
  if (state.overview !== null && overview.v !== state.overview.v) {
    location.reload();
    return;
  }
  heard = performance.now();
  if (source !== null && source.readyState === EventSource.OPEN && asking !== 0) {
    clearTimeout(asking);
    asking = 0;
  }
  set({ overview, heardAt: Date.now(), age: 0, ticks: state.ticks + 1, contact: 'live' });
}

function tick() {
  if (heard === 0 && performance.now() < LOST) return;
  const age = heard === 0 ? null : performance.now() - heard;
  const allowed = document.hidden || source === null ? LOST + ASK_HIDDEN * Number(document.hidden) : LOST;
  let contact = 'live';
  if (age === null || age > allowed) contact = 'lost';
  else if (age > LATE && !document.hidden) contact = 'late';
  if (contact === 'lost' && Date.now() > state.retryAt && !document.hidden) {
    clearTimeout(reopen);
    open();
  }
  const whole = age === null ? null : Math.floor(age / 1000) * 1000;
  if (whole !== state.age || contact !== state.contact || contact === 'lost') set({ age: whole, contact });
}
