/** The one verdict: in the title and the icon of the tab, in the bar, and in the band below it. */
import { age, bothZones, clockMinute, clockTime, int, NONE, seen, share } from './format.js';
import { icon, LEVELS, mark } from './icons.js';
import { address } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { choose, set, state, useStore } from './store.js';
import { retryNow } from './stream.js';
import { plain, rich } from './text.js';

/** The server's level, or `unknown` without contact. */
export function level({ contact, overview }) {
  if (contact === 'lost') return 'unknown';
  return overview === null ? '' : overview.level;
}

/** `now` of the server, so that ages do not depend on this clock. */
export function serverNow() {
  const { overview, age: sinceHeard } = state;
  return overview === null ? Date.now() : overview.t + (sinceHeard ?? 0);
}

const shareOfFives = ({ c }) => {
  if (c === null || c === undefined) return null;
  const all = c[0] + c[1] + c[2] + c[3];
  return all === 0 ? null : c[3] / all;
};

function titleOf(shown, overview) {
  const own = `tsuji${overview === null ? '' : ` ${seen(overview.node)}`}`;
  if (shown === 'unknown') return `? no contact · ${own}`;
  if (shown === 'starting') return `… starting · ${own}`;
  if (shown === 'degraded') {
    const { failing } = overview.backends;
    return `▲ ${failing > 0 ? `${failing} failing` : 'degraded'} · ${own}`;
  }
  if (shown !== 'outage') return own;
  const fives = shareOfFives(overview);
  return `✕ OUTAGE${fives === null ? '' : ` ${share(fives)} % 5xx`} · ${own}`;
}

/** Title, icon and colours of the document follow the level. */
export function useDocumentLevel() {
  const shown = useStore(level);
  const title = useStore((now) => titleOf(level(now), now.overview));
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    document.documentElement.dataset.level = shown;
    const file = shown === 'healthy' || shown === '' ? 'icon.svg' : `icon-${shown}.svg`;
    const link = document.querySelector('link[rel=icon]');
    if (link.getAttribute('href') !== file) link.setAttribute('href', file);
  }, [shown]);
}

function Cell({ to, label, shape, tone, value, more }) {
  return html`<a class="cell" href=${to}><small>${label}</small><span>${shape && icon(shape, tone)}${value}${more && html`<em>${more}</em>`}</span></a>`;
}

const SOURCES = { etcdv3: 'etcd v3', etcdv2: 'etcd v2' };
export const sourceName = (name) => SOURCES[name] ?? seen(name);

/** A store that was never there, such as that of v2, is missed by nobody. */
function sourcesCell({ sources: all, level: shown }) {
  const sources = shown === 'healthy' ? all.filter(([, word]) => word !== 'absent') : all;
  const live = sources.filter(([, word]) => word === 'live').length;
  const first = sources.find(([, word]) => word !== 'live');
  const value = `${live}/${sources.length}`;
  if (first === undefined) return { shape: 'ok', tone: 'ok', value, more: 'live' };
  const more = live === 0 ? first[1] : `${sourceName(first[0])} ${first[1]}`;
  return live === 0 && first[1] !== 'stale'
    ? { shape: 'bad', tone: 'bad', value, more }
    : { shape: 'warn', tone: 'warn', value, more };
}

function certificateCell(days) {
  if (days === null) return { shape: 'idle', tone: 'idle', value: NONE };
  if (days < 0) return { shape: 'bad', tone: 'bad', value: 'ended' };
  const tone = days < 14 ? 'warn' : 'ok';
  return { shape: tone, tone, value: `${int(Math.floor(days))} d`, more: 'next' };
}

const good = (isGood, otherwise) => (isGood ? { shape: 'ok', tone: 'ok' } : { shape: otherwise, tone: otherwise });
const NOT_KNOWN = { shape: 'idle', tone: 'idle', value: NONE };

function Cells({ overview: o }) {
  const { backends, servers, problems, workers } = o;
  const all = backends.failing + backends.impaired + backends.ok + backends.idle;
  const loaded = servers !== null;
  return html`<div class="cells">
    <${Cell} to=${address('nodes')} label="Sources" ...${sourcesCell(o)} />
    <${Cell} to=${address('backends')} label="Servers" ...${loaded ? { ...good(servers[0] >= servers[1], 'bad'), value: `${int(servers[0])}/${int(servers[1])}` } : NOT_KNOWN} />
    <${Cell} to=${address('backends', { q: backends.failing > 0 ? 'is:failing' : '' })} label="Failing backends" ...${loaded ? { ...good(backends.failing === 0, 'bad'), value: int(backends.failing), more: `of ${int(all)}` } : NOT_KNOWN} />
    <${Cell} to=${address('problems')} label="New problems" ...${good(problems[0] === 0, 'warn')} value=${int(problems[0])} more=${`of ${int(problems[1])}`} />
    <${Cell} to=${address('certificates')} label="Certificates" ...${certificateCell(o.cert)} />
    <${Cell} to=${address('nodes')} label="Workers" ...${good(workers[0] >= workers[1], 'warn')} value=${`${workers[0]}/${workers[1]}`} more="serving" />
    <${Cell} to=${address('events', { q: 'kind:keys' })} label="Generation" value=${int(o.gen)} more=${o.settled && o.genAt !== null ? clockMinute(o.genAt) : o.gen > 0 ? '…' : ''} />
  </div>`;
}

const TICKS = [0, 1, 2, 3, 4];
const still = matchMedia('(prefers-reduced-motion: reduce)');

function Freshness() {
  const contact = useStore((now) => now.contact);
  const since = useStore((now) => now.age);
  const ticks = useStore((now) => now.ticks);
  const heardAt = useStore((now) => now.heardAt);
  const on = still.matches ? 4 : ticks % 5;
  let text = since === null ? 'connecting' : `${age(Math.max(1000, since))} ago`;
  if (contact === 'lost') text = heardAt === 0 ? 'no contact' : `no contact since ${clockTime(heardAt)}`;
  return html`<div class=${`fresh ${contact}`} title="Time since the last figures">
    <span class="beat" aria-hidden="true">${TICKS.map((at) => html`<i class=${at === on ? 'on' : ''}></i>`)}</span>
    <span>${text}</span>
  </div>`;
}

function nextTheme(theme) {
  return theme === 'dark' ? 'light' : 'dark';
}

export function toggleTheme() {
  choose('theme', nextTheme(document.documentElement.dataset.theme));
}

function Word({ shown, was, overview }) {
  const [word, shape, tone] = LEVELS[shown] ?? ['Connecting', 'idle', 'idle'];
  const draining = overview?.draining === true ? ', draining' : '';
  let below = '';
  if (shown === 'unknown') below = was === '' ? '' : `was ${was}`;
  else if (overview !== null) below = `for ${age(serverNow() - overview.since)}`;
  return html`<div class="verdict" title=${overview === null ? '' : `since ${bothZones(overview.since)}`}>
    ${icon(shape, shown === 'outage' ? '' : tone)}
    <span><b role="status">${word}${draining}</b><small>${below}</small></span>
  </div>`;
}

export function Bar() {
  const overview = useStore((now) => now.overview);
  const shown = useStore(level);
  useStore((now) => now.age);
  useStore((now) => now.clock);
  const alert = useStore((now) => (level(now) === 'outage' ? `Outage: ${plain(now.findings?.title ?? '')}` : ''));
  return html`<header class="bar">
    <a class="brand" href=${address('overview')}>${mark()}<span><b>tsuji</b><small>${overview === null ? '' : `${seen(overview.node)} · ${seen(overview.version)}`}</small></span></a>
    <${Word} shown=${shown} was=${overview?.level ?? ''} overview=${overview} />
    <div class="vh" role="alert">${alert}</div>
    ${overview !== null && html`<${Cells} overview=${overview} />`}
    <span class="push"></span>
    <${Freshness} />
    <button class="open-search" aria-label="Search" aria-keyshortcuts="/" onClick=${() => set({ palette: true })}>${icon('search')}<span>Search…</span></button>
    <button class="icon-button" aria-label="Light or dark" aria-keyshortcuts="t" onClick=${toggleTheme}>${icon('theme')}</button>
  </header>`;
}

const BANDS = { degraded: '', outage: 'bad', starting: 'info' };

function Lost() {
  const retryAt = useStore((now) => now.retryAt);
  const heardAt = useStore((now) => now.heardAt);
  useStore((now) => now.age);
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return html`<section class="band lost" aria-label="No contact">
    <div class="what">${icon('unknown', 'warn')}<h2>This page has no contact with tsuji</h2>
      <p>${heardAt === 0 ? 'Nothing has been heard yet.' : `What stands here is of ${clockTime(heardAt)}, ${age(Date.now() - heardAt)} ago, and may no longer be true.`} ${seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again.'}</p>
    </div>
    <div class="links"><button class="button" onClick=${retryNow}>Try now ${icon('go')}</button></div>
  </section>`;
}

/** `whole`: with findings and links; otherwise a line. Nothing when all is well. */
export function Band({ whole }) {
  const shown = useStore(level);
  const findings = useStore((now) => now.findings);
  const [kept, keep] = useState(null);
  useEffect(() => {
    if (findings !== null) keep(findings);
  }, [findings]);
  if (shown === 'unknown') return html`<${Lost} />`;
  const said = findings ?? kept;
  if (BANDS[shown] === undefined || said === null || said.level !== shown) return null;
  const [word, shape] = LEVELS[shown];
  const items = said.items.slice(0, 3);
  return html`<section class=${`band ${BANDS[shown]} ${whole ? '' : 'slim'}`} aria-label="Verdict">
    <div class="what">${icon(shape)}<h2>${word}: ${rich(said.title)}</h2><p>${rich(said.lead)}</p>
      ${whole && items.length > 0 && html`<ul>${items.map((item) => html`<li>${icon(item.icon === 'ok' ? 'well' : item.icon, item.icon === 'key' || item.icon === 'start' ? 'info' : item.icon)}<span>${item.link === undefined ? rich(item.text) : html`<a href=${`#${item.link}`}>${rich(item.text)}</a>`}</span></li>`)}</ul>`}
    </div>
    <div class="links">${
      whole
        ? said.links
            .slice(0, 3)
            .map(
              ([text, place]) =>
                html`<a class="button" href=${`#${place}`}><span>${seen(text)}</span>${icon('go')}</a>`,
            )
        : html`<a class="link" href=${address('overview')}>Overview</a>`
    }</div>
  </section>`;
}
