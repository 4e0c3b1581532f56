/** The page: the address says which screen, the stream brings the figures. */
import { clock } from './format.js';
import { followKeys } from './keys.js';
import { Rail, Tabs } from './nav.js';
import { KeyList, Palette } from './palette.js';
import { parsePlace, samePlace } from './place.js';
import { html, render, useEffect, useLayoutEffect, useRef } from './preact.js';
import { useScreen } from './screens.js';
import { readChoices, set, state, useStore } from './store.js';
import { startStream } from './stream.js';
import { Bar, useDocumentLevel } from './verdict.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

function useTheme() {
  const theme = useStore((now) => now.theme);
  const printing = useStore((now) => now.printing);
  useLayoutEffect(() => {
    const apply = () => {
      const own = theme !== '' ? theme : dark.matches ? 'dark' : 'light';
      const shownTheme = printing ? 'light' : own;
      document.documentElement.dataset.theme = shownTheme;
      set({ shownTheme });
    };
    apply();
    dark.addEventListener('change', apply);
    return () => dark.removeEventListener('change', apply);
  }, [theme, printing]);
}

/** Where the page was scrolled and what had the focus, by address: back brings both. */
const kept = new Map();
const MOST_KEPT = 50;

function keep(hash) {
  const focused = document.activeElement;
  kept.delete(hash);
  const top = document.querySelector('.window')?.scrollTop ?? 0;
  kept.set(hash, { y: scrollY, top, href: focused?.getAttribute?.('href') ?? '' });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

function App() {
  useDocumentLevel();
  useTheme();
  const path = useStore(({ place }) => [place.screen, ...place.names].join('/'));
  const { place } = state;
  const main = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const before = kept.get(location.hash);
    scrollTo(0, before?.y ?? 0);
    if (before === undefined || before.href === '') {
      main.current.focus({ preventScroll: true });
      return;
    }
    // The row may need an answer before it is there again.
    const until = performance.now() + 1500;
    const find = () => {
      const rows = main.current.querySelector('.window');
      if (rows !== null && before.top > 0 && rows.scrollTop === 0) rows.scrollTop = before.top;
      const link = [...main.current.querySelectorAll('a')].find((one) => one.getAttribute('href') === before.href);
      if (link !== undefined) link.focus({ preventScroll: true });
      else if (performance.now() < until && [document.body, main.current].includes(document.activeElement))
        setTimeout(find, 50);
    };
    find();
  }, [path]);
  const Screen = useScreen(place);
  return html`<a class="vh" href="#main" onClick=${(event) => {
    event.preventDefault();
    main.current.focus();
  }}>Skip to the content</a>
    <${Bar} />
    <div class="frame"><${Rail} /><main id="main" ref=${main} tabindex="-1"><${Screen} key=${`${path} ${Screen.name}`} names=${place.names} /></main></div>
    <${Tabs} /><${Palette} /><${KeyList} />`;
}

readChoices();
clock.local = state.clock === 'local';
state.place = parsePlace(location.hash);
let shownHash = location.hash;
addEventListener('hashchange', () => {
  if (location.hash !== shownHash) keep(shownHash);
  shownHash = location.hash;
  // An address that follows what is shown changes nothing.
  if (samePlace(state.place, {}) !== shownHash) set({ place: parsePlace(shownHash) });
});
history.scrollRestoration = 'manual';
render(html`<${App} />`, document.getElementById('app'));
startStream();
followKeys();
// Paper is light and gets the tables of the charts; the page is drawn anew before it is printed.
matchMedia('print').addEventListener('change', ({ matches }) => {
  set({ printing: matches });
  render(html`<${App} />`, document.getElementById('app'));
});
