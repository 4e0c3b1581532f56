/** What happened, the newest first, with a day of it as bars. */
import { Event } from '../events.js';
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { clockMinute, count, day, dayName } from '../format.js';
import { samePlace } from '../place.js';
import { html, useEffect, useState } from '../preact.js';
import { has, toggled, tokens } from '../query.js';
import { ask, state, useStore } from '../store.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';

const PAGE = 100;
const MOST = 400;
/** Milliseconds. */
const REFRESH = 2000;
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

const NOTHING = { path: '', events: null, bad: [], more: false, bars: null, barsFrom: 0 };

/** The newest, and older ones on demand. */
function useEvents(query) {
  const moved = useStore((now) => now.overview?.rev.events ?? 0);
  const [shown, setShown] = useState(NOTHING);
  const path = `events?q=${encodeURIComponent(query)}&limit=${PAGE}`;
  useEffect(() => {
    const abort = new AbortController();
    const get = async () => {
      try {
        const answer = await ask(path, abort.signal);
        setShown((before) => {
          const oldest = answer.events.at(-1)?.id ?? 0;
          const older = before.path === path ? before.events.filter(({ id }) => id < oldest) : [];
          const more = older.length > 0 ? before.more : answer.more;
          return { ...answer, bad: answer.bad ?? [], path, more, events: [...answer.events, ...older] };
        });
      } catch {
        // They stay.
      }
    };
    const timer = setTimeout(get, shown.path === path ? REFRESH : 0);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, moved]);
  const older = async () => {
    const answer = await ask(`${path}&before=${shown.events.at(-1).id}`);
    setShown({ ...shown, events: [...shown.events, ...answer.events], more: answer.more });
  };
  return { ...shown, older };
}

const setKind = (query, kind) => {
  const rest = tokens(query).filter((token) => !/^kind:/.test(token));
  location.hash = samePlace(state.place, { q: kind === '' ? rest.join(' ') : toggled(rest.join(' '), `kind:${kind}`) });
};

export function Events() {
  const query = useQuery();
  const { events, bad, more, older, bars, barsFrom } = useEvents(query);
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
    <section class="panel">${bars !== null && html`<${Bars} bars=${bars} from=${barsFrom} />`}
      ${events !== null && (rows.length === 0 ? empty : html`<ul class="event-page">${rows}</ul>`)}
      ${more && rows.length < MOST && html`<p class="empty"><button class="button" onClick=${older}>Older ones</button></p>`}
    </section>`;
}
