/** What costs requests now, and which keys are not as they were meant. */
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { age, bothZones, int, seen, when } from '../format.js';
import { icon } from '../icons.js';
import { samePlace } from '../place.js';
import { html } from '../preact.js';
import { objects, state, useAnswer, useStore } from '../store.js';
import { plain, rich } from '../text.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';
import { Pages, usePage } from './pages.js';

const SHAPES = {
  bad: ['bad', 'bad'],
  warn: ['warn', 'warn'],
  rejected: ['bad', 'bad'],
  defaulted: ['warn', 'warn'],
  warned: ['warn', 'warn'],
  ignored: ['idle', 'idle'],
};
/** In the address, the word, and what it is in the language of filters. */
const SHOWS = [
  ['', 'All', ''],
  ['new', 'New', 'is:new'],
  ['seen', 'Seen', '-is:new'],
];

function Marked({ value, mark }) {
  if (mark === null) return seen(value);
  const [from, to] = mark;
  return html`${seen(value.slice(0, from))}<u>${seen(value.slice(from, Math.max(to, from + 1))) || ' '}</u>${seen(value.slice(Math.max(to, from + 1)))}`;
}

function Meta({ problem, now }) {
  const { since, source } = problem;
  return html`<span class="meta">${since === null ? html`<span>since before the start</span>` : html`<span title=${bothZones(since)}>since ${when(since, now)}, ${age(now - since)}</span>`}${source !== '' && html`<br />${seen(source)}`}</span>`;
}

function Problem({ problem, now }) {
  const { group, state: kind, title, text, value, mark, fix, link, isNew } = problem;
  const [shape, tone] = SHAPES[kind] ?? SHAPES.ignored;
  const name = html`<span class=${group === 'key' ? 'mono' : ''}>${rich(title)}</span>`;
  return html`<li class="problem">${icon(shape, tone)}<h3><span class="vh">${kind}: </span>${link === '' ? name : html`<a href=${`#${link}`}>${name}</a>`}${isNew && group === 'key' && html` <span class="tag">new</span>`}</h3>
    <p>${group === 'key' && html`${kind[0].toUpperCase()}${kind.slice(1)}: `}${rich(text)}</p>
    ${value !== null && value !== '' && html`<pre tabindex="0" aria-label=${`Value of ${plain(title)}`}><code><${Marked} value=${value} mark=${mark} />${fix !== '' && html`${'\n'}<span class="fix">${seen(fix)}</span>   would be right`}</code></pre>`}
    <${Meta} problem=${problem} now=${now} /></li>`;
}

function Group({ title, sub, right = '', problems, now }) {
  return html`<section class="panel"><header><h2>${title}</h2><span class="count">${sub}</span><span class="right">${right}</span></header><ul>${problems.map((problem) => html`<${Problem} key=${plain(problem.title) + problem.state} problem=${problem} now=${now} />`)}</ul></section>`;
}

export function Problems() {
  const query = useQuery();
  const show = useStore((now) => now.place.params.show ?? '');
  const [page, window] = usePage();
  const term = SHOWS.find(([name]) => name === show)?.[2] ?? '';
  const { data } = useAnswer(`list/problems?q=${encodeURIComponent(`${query} ${term}`.trim())}&${window}`, 4000);
  const all = data === null ? [] : objects(data);
  const [urgent, keys] = [all.filter(({ group }) => group === 'now'), all.filter(({ group }) => group === 'key')];
  const now = serverNow();
  const sub = data === null ? '' : `${int(data.counts.now)} now, ${int(data.total - data.counts.now)} of keys`;
  const isWhole = query === '' && page === 1;
  return html`<${Head} title="Problems" sub=${sub}><span class="segments" role="group" aria-label="Which">${SHOWS.map(
    ([name, word]) =>
      html`<button aria-pressed=${String(show === name)} onClick=${() => {
        location.hash = samePlace(state.place, { show: name, page: '' });
      }}>${word}</button>`,
  )}</span><//>
    <${Band} />
    <div class="tools"><${Filter} hint="Key, reason…   kind:rejected  -word" bad=${data?.bad} /></div>
    ${
      data !== null &&
      html`<div class="column">
      ${(urgent.length > 0 || isWhole) && html`<${Group} title="Now" sub=${urgent.length > 0 ? 'what costs requests, or will soon' : 'nothing: every backend answers'} problems=${urgent} now=${now} />`}
      ${keys.length > 0 && html`<${Group} title="Keys" sub="each costs its own object only" right="rejected first, the newest first" problems=${keys} now=${now} />`}
      ${all.length === 0 && query !== '' && html`<${NothingMatches} />`}
      <${Pages} page=${page} match=${data.match} />
    </div>`
    }`;
}
