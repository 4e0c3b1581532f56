/** What costs requests now, and which keys are not as they were meant. */
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { age, bothZones, int, seen, when } from '../format.js';
import { icon } from '../icons.js';
import { samePlace } from '../place.js';
import { html, useState } from '../preact.js';
import { objects, state, useAnswer, useStore } from '../store.js';
import { plain, rich } from '../text.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';

/** Rows that are asked for together. */
const PAGE = 100;
const SHAPES = {
  bad: ['bad', 'bad'],
  warn: ['warn', 'warn'],
  rejected: ['bad', 'bad'],
  defaulted: ['warn', 'warn'],
  warned: ['warn', 'warn'],
  ignored: ['idle', 'idle'],
};
const SHOWS = [
  ['', 'All'],
  ['new', 'New'],
  ['seen', 'Seen'],
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

function KeyGroup({ problems, total, now, isFiltered, more }) {
  if (total === 0) return isFiltered ? html`<${NothingMatches} />` : null;
  return html`<${Group} title="Keys" sub="each costs its own object only" right="rejected first, the newest first" problems=${problems} now=${now} />${more}`;
}

export function Problems() {
  const query = useQuery();
  const show = useStore((now) => now.place.params.show ?? '');
  const [limit, setLimit] = useState(PAGE);
  const asked = Math.min(200, limit);
  const { data } = useAnswer(`list/problems?q=${encodeURIComponent(query)}&offset=0&limit=${asked}`, 4000);
  const next = useAnswer(
    limit > 200 ? `list/problems?q=${encodeURIComponent(query)}&offset=200&limit=${Math.min(200, limit - 200)}` : '',
  ).data;
  const all = data === null ? [] : [...objects(data), ...(next === null ? [] : objects(next))];
  const wanted = all.filter(({ isNew }) => show === '' || (show === 'new') === isNew);
  const [urgent, keys] = [wanted.filter(({ group }) => group === 'now'), wanted.filter(({ group }) => group === 'key')];
  const now = serverNow();
  const nowCount = data?.counts.now ?? urgent.length;
  const sub = data === null ? '' : `${int(nowCount)} now, ${int(data.total - nowCount)} of keys`;
  const more =
    data !== null &&
    data.match > all.length &&
    limit < 400 &&
    html`<button class="button" onClick=${() => setLimit(limit + PAGE)}>Show more of ${int(data.match)}</button>`;
  return html`<${Head} title="Problems" sub=${sub}><span class="segments" role="group" aria-label="Which">${SHOWS.map(
    ([name, word]) =>
      html`<button aria-pressed=${String(show === name)} onClick=${() => {
        location.hash = samePlace(state.place, { show: name });
      }}>${word}</button>`,
  )}</span><//>
    <${Band} />
    <div class="tools"><${Filter} hint="Key, reason…   kind:rejected  -word" bad=${data?.bad} /></div>
    ${
      data !== null &&
      html`<div class="column">
      ${urgent.length > 0 || query === '' ? html`<${Group} title="Now" sub=${urgent.length > 0 ? 'what costs requests, or will soon' : 'nothing: every backend answers'} problems=${urgent} now=${now} />` : null}
      <${KeyGroup} problems=${keys} total=${keys.length} now=${now} isFiltered=${query !== '' && urgent.length === 0} more=${more} />
    </div>`
    }`;
}
