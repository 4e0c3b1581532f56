/** The rail at the left, and on small windows the tabs at the bottom. */
import { age, clockTime, int } from './format.js';
import { icon } from './icons.js';
import { address } from './place.js';
import { html } from './preact.js';
import { useStore } from './store.js';
import { serverNow, sourceName } from './verdict.js';

/** Groups of `[screen, word, key behind g]`. */
const GROUPS = [
  ['', [['overview', 'Overview', 'o']]],
  [
    'Traffic',
    [
      ['frontends', 'Frontends', 'f'],
      ['backends', 'Backends', 'b'],
      ['live', 'Live requests', 'l'],
      ['explain', 'Explain a request', 'x'],
    ],
  ],
  [
    'What happened',
    [
      ['problems', 'Problems', 'p'],
      ['events', 'Events', 'e'],
    ],
  ],
  [
    'System',
    [
      ['certificates', 'Certificates', 'c'],
      ['nodes', 'Nodes', 'n'],
      ['settings', 'Settings', 's'],
    ],
  ],
];
export const SCREENS = GROUPS.flatMap(([, screens]) => screens);

function counts(overview) {
  if (overview === null) return {};
  const { backends, problems, frontends } = overview;
  const all = backends.failing + backends.impaired + backends.ok + backends.idle;
  return {
    frontends: int(frontends),
    backends:
      backends.failing > 0
        ? html`${icon('bad', 'bad')}${int(backends.failing)}<span class="vh"> failing</span>`
        : int(all),
    problems: html`${problems[0] > 0 && icon('warn', 'warn')}${int(problems[1])}`,
  };
}

export function Rail() {
  const screen = useStore((now) => now.place.screen);
  const overview = useStore((now) => now.overview);
  const shown = counts(overview);
  return html`<nav class="rail" aria-label="Screens">
    ${GROUPS.map(([title, screens]) => [
      title !== '' && html`<h2>${title}</h2>`,
      ...screens.map(
        ([name, word]) =>
          html`<a href=${address(name)} title=${word} aria-current=${screen === name ? 'page' : undefined}>${icon(name)}<span>${word}</span>${shown[name] !== undefined && html`<span class="n">${shown[name]}</span>`}</a>`,
      ),
    ])}
    <${Foot} overview=${overview} />
  </nav>`;
}

function Foot({ overview }) {
  useStore((now) => now.age);
  const isLocal = useStore((now) => now.clock) === 'local';
  if (overview === null) return null;
  const now = serverNow();
  return html`<footer>${overview.sources.map(([name]) => sourceName(name)).join(' + ')}<br />up ${age(now - overview.startedAt)} · ${clockTime(now)} ${isLocal ? 'here' : 'UTC'}</footer>`;
}

const TABS = [
  ['overview', 'Overview'],
  ['backends', 'Backends'],
  ['problems', 'Problems'],
  ['events', 'Events'],
  ['more', 'More'],
];

export function Tabs() {
  const screen = useStore((now) => now.place.screen);
  const failing = useStore((now) => now.overview?.backends.failing ?? 0);
  const fresh = useStore((now) => now.overview?.problems[0] ?? 0);
  const numbers = { backends: failing, problems: fresh };
  const current = TABS.some(([name]) => name === screen) ? screen : 'more';
  return html`<nav class="tabs" aria-label="Screens of a small window">
    ${TABS.map(([name, word]) => html`<a href=${address(name)} aria-current=${current === name ? 'page' : undefined}>${icon(name)}${word}${numbers[name] > 0 && html`<b class=${name === 'problems' ? 'warn' : ''}>${int(numbers[name])}</b>`}</a>`)}
  </nav>`;
}
