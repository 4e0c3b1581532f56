/** What happened, the newest first, with a day of it as bars. */
import { Event } from '../events.js';
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { clockMinute, count, day, dayName, seen } from '../format.js';
import { samePlace } from '../place.js';
import { html } from '../preact.js';
import { has, toggled, tokens } from '../query.js';
import { state, useAnswer, useStore } from '../store.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';
import { PAGE, Turn } from './pages.js';

const KINDS = ['keys', 'health', 'ejection', 'breaker', 'source', 'worker', 'certificate'];

/** Events per quarter of an hour of a day: `[worse, other]` each. */
function Bars({ bars, from }) {
  const top = Math.max(4, ...bars.map(([worse, other]) => worse + other));
  const scale = (n) => (n === 0 ? 0 : Math.max(2, (n / top) * 42));
  const worse = bars.reduce((sum, [n]) => sum + n, 0);
  const all = bars.reduce((sum, [n, other]) => sum + n + other, 0);
  const bar = ([bad, other], at) =>
    html`${other > 0 && html`<rect x=${at * 10 + 1} y=${43 - scale(other)} width="8" height=${scale(other)} />`}${bad > 0 && html`<rect class="worse" x=${at * 10 + 1} y=${43 - scale(other) - scale(bad)} width="8" height=${scale(bad)} />`}`;
  return html`<div class="bars"><svg viewBox="0 0 960 44" preserveAspectRatio="none" role="img" aria-label=${`${count(all, 'event')} of 24 h, ${worse} of them worse`}>${bars.map(bar)}<path d="M0 43.5H960" /></svg>
    <div class="legend"><span>yesterday ${clockMinute(from)}</span><span><i class="is-c5"></i>got worse <i class="is-c2"></i>changed or got better</span><span>now</span></div></div>`;
}

const setKind = (query, kind) => {
  const rest = tokens(query).filter((token) => !/^kind:/.test(token));
  location.hash = samePlace(state.place, {
    q: kind === '' ? rest.join(' ') : toggled(rest.join(' '), `kind:${kind}`),
    before: '',
  });
};

export function Events() {
  const query = useQuery();
  // Those before an event: a page that stays the same however many come.
  const before = useStore((now) => now.place.params.before ?? '');
  const moved = useStore((now) => (before === '' ? now.overview?.rev.events : 0));
  const path = `events?q=${encodeURIComponent(query)}&limit=${PAGE}${before === '' ? '' : `&before=${encodeURIComponent(before)}`}`;
  const { data, error } = useAnswer(path, 0, moved);
  const { events = null, bad, more = false, bars, barsFrom } = data ?? {};
  const isAny = !KINDS.some((kind) => has(query, `kind:${kind}`));
  let last = '';
  const rows = (events ?? []).flatMap((event) => {
    const its = day(event.t);
    const title =
      its === last
        ? []
        : [html`<li class="day" key=${its}>${its === day(serverNow()) ? 'Today, ' : ''}${dayName(event.t)}</li>`];
    last = its;
    return [...title, html`<${Event} key=${event.id} event=${event} whole=${true} />`];
  });
  const empty = query === '' ? html`<p class="empty">Nothing in 24 h.</p>` : html`<${NothingMatches} />`;
  return html`<${Head} title="Events" sub="the newest first" />
    <${Band} />
    <div class="tools"><${Filter} hint="Name, address…   kind:health  backend:checkout  is:worse  after:14:00  before:15:30" bad=${bad} />
      <span class="segments" role="group" aria-label="Kind"><button aria-pressed=${String(isAny)} onClick=${() => setKind(query, '')}>All</button>${KINDS.map((kind) => html`<button aria-pressed=${String(has(query, `kind:${kind}`))} onClick=${() => setKind(query, kind)}>${kind}</button>`)}</span></div>
    <section class="panel">${bars !== undefined && html`<${Bars} bars=${bars} from=${barsFrom} />`}
      ${events !== null && (rows.length === 0 ? empty : html`<ul class="event-page">${rows}</ul>`)}
      ${error !== null && html`<p class="empty">${seen(error)}</p>`}
      ${(more || before !== '') && html`<${Turn} text="" newer=${before === '' ? undefined : { before: '' }} older=${more ? { before: events.at(-1).id } : undefined} words=${['The newest', 'Older ones']} />`}
    </section>`;
}
