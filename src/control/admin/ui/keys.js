/** The keyboard: none of these works while something is being typed. */
import { SCREENS } from './nav.js';
import { address } from './place.js';
import { set, state } from './store.js';
import { toggleTheme } from './verdict.js';

/** `[keys, what they do]` */
export const KEY_LIST = [
  ['/', 'search'],
  ['f', 'filter of the list'],
  ['j  k', 'next and previous row (also ↓ ↑)'],
  ['Enter', 'open the row'],
  ['s', 'sort'],
  ['e', "explain a request to the row's frontend"],
  ['p', 'pause live requests'],
  ['← →', 'a point of a chart that has the focus (Page: ten)'],
  ...SCREENS.map(([, word, key]) => [`g ${key}`, word]),
  ['t', 'light or dark'],
  ['?', 'this list'],
];

/** Between g and the screen, ms. */
const SECOND_KEY = 1500;

const isTyping = ({ tagName, isContentEditable }) =>
  isContentEditable || tagName === 'INPUT' || tagName === 'TEXTAREA' || tagName === 'SELECT';

let behindG = Number.NEGATIVE_INFINITY;
let toldFind = false;

function focusOn(id) {
  const element = document.getElementById(id);
  element?.focus();
  return element !== null;
}

/** The frontend of the row that has the focus, or of the screen. */
function explain() {
  const row = document.activeElement?.closest('tr')?.querySelector('a[href^="#/frontends/"]');
  const own = state.place.screen === 'frontends' ? state.place.names[0] : undefined;
  const name = row === null || row === undefined ? own : decodeURIComponent(row.getAttribute('href').slice(12));
  if (name !== undefined) location.hash = address('explain', { frontend: name });
}

const ACTIONS = {
  '/': () => set({ palette: true }),
  '?': () => set({ keys: true }),
  f: () => focusOn('filter'),
  s: () => focusOn('sort'),
  t: toggleTheme,
  e: explain,
  p: () => dispatchEvent(new Event('pause')),
  j: () => dispatchEvent(new CustomEvent('row', { detail: 1 })),
  k: () => dispatchEvent(new CustomEvent('row', { detail: -1 })),
};

function onKeyDown(event) {
  if (event.defaultPrevented || state.palette || state.keys) return;
  if ((event.ctrlKey || event.metaKey) && event.key === 'f' && document.getElementById('filter') !== null) {
    // The browser would look through the rows in sight only: said once, then it is the browser's again.
    if (toldFind) return;
    toldFind = true;
    event.preventDefault();
    document.getElementById('filter').placeholder = 'All rows are searched here (key f)';
    focusOn('filter');
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const isSecond = performance.now() - behindG < SECOND_KEY;
  behindG = Number.NEGATIVE_INFINITY;
  if (isSecond) {
    const screen = SCREENS.find(([, , key]) => key === event.key);
    if (screen === undefined) return;
    event.preventDefault();
    location.hash = address(screen[0]);
  } else if (event.key === 'g') {
    behindG = performance.now();
  } else if (ACTIONS[event.key] !== undefined) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
}

export function followKeys() {
  addEventListener('keydown', onKeyDown);
}
