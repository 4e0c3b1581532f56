/** What happened, the newest first, with a day of it as bars. */
import { Event } from '../events.js';
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { clockMinute, count, day, dayName } from '../format.js';
import { samePlace } from '../place.js';
import { html, useEffect, useState } from '../preact.js';
import { has, toggled, tokens } from '../query.js';
import { useHistory } from '../ranges.js';
import { ask, objects, state, useStore } from '../store.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';

const PAGE = 100;
const MOST = 400;
const KINDS = ['keys', 'health', 'ejection', 'breaker', 'source', 'worker', 'certificate'];
const QUARTER = 900_000;
const BARS = 96;

/** Events per quarter of an hour, from the marks of a day. */
function Bars({ history }) {
  const end = Math.ceil(serverNow() / QUARTER) * QUARTER;
  const bars = Array.from({ length: BARS }, () => [0, 0]);
  for (const [t, kind] of history?.marks ?? []) {
    const at = BARS - 1 - Math.floor((end - 1 - t) / QUARTER);
    if (at >= 0 && at < BARS) bars[at][kind === 'worse' || kind === 'little' ? 0 : 1]++;
  }
  const top = Math.max(4, ...bars.map(([worse, other]) => worse + other));
  const scale = (n) => (n === 0 ? 0 : Math.max(2, (n / top) * 42));
  const worse = bars.reduce((sum, [n]) => sum + n, 0);
  const all = bars.reduce((sum, [n, other]) => sum + n + other, 0);
  return html`<div class="bars"><svg viewBox="0 0 960 44" preserveAspectRatio="none" role="img" aria-label=${`${count(all, 'event')} of 24 h, ${worse} of them worse`}>
    ${bars.map(([bad, other], at) => (bad + other === 0 ? null : html`${other > 0 && html`<rect x=${at * 10 + 1} y=${43 - scale(other)} width="8" height=${scale(other)} />`}${bad > 0 && html`<rect class="worse" x=${at * 10 + 1} y=${43 - scale(other) - scale(bad)} width="8" height=${scale(bad)} />`}`))}
    <path d="M0 43.5H960" /></svg>
    <div class="legend"><span>yesterday ${clockMinute(end - BARS * QUARTER)}</span><span><i class="is-c5"></i>got worse <i class="is-c2"></i>changed or got better</span><span>now</span></div></div>`;
}

/** The newest, and older ones on demand. `at`: not younger than that. */
function useEvents(query, at) {
  const moved = useStore((now) => now.overview?.rev.events ?? 0);
  const [shown, setShown] = useState({ events: null, bad: [], isEnd: false });
  const path = `events?q=${encodeURIComponent(query)}&limit=${PAGE}`;
  useEffect(() => {
    const abort = new AbortController();
    const get = async () => {
      try {
        const answer = await ask(at === undefined ? path : `${path}&until=${at}`, abort.signal);
        if (answer === null) return;
        const rows = objects(answer);
        setShown((before) => {
          const oldest = rows.at(-1)?.id ?? 0;
          const older = before.path === path + at ? (before.events ?? []).filter(({ id }) => id < oldest) : [];
          return { path: path + at, events: [...rows, ...older], bad: answer.bad ?? [], isEnd: rows.length < PAGE };
        });
      } catch {
        // They stay.
      }
    };
    const timer = setTimeout(get, shown.path === path + at ? 2000 : 0);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, at, moved]);
  const more = async () => {
    const answer = await ask(`${path}&before=${shown.events.at(-1).id}`);
    const rows = answer === null ? [] : objects(answer);
    setShown({ ...shown, events: [...shown.events, ...rows], isEnd: rows.length < PAGE });
  };
  return { ...shown, more };
}

const setKind = (query, kind) => {
  const rest = tokens(query).filter((token) => !/^kind:/.test(token));
  location.hash = samePlace(state.place, { q: kind === '' ? rest.join(' ') : toggled(rest.join(' '), `kind:${kind}`) });
};

export function Events() {
  const query = useQuery();
  const at = useStore((now) => now.place.params.at);
  const history = useHistory('all', '24h');
  const { events, bad, isEnd, more } = useEvents(query, at);
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
  const isFull = (events?.length ?? 0) >= MOST;
  return html`<${Head} title="Events" sub="the newest first">${
    at !== undefined &&
    html`<button class="button" onClick=${() => {
      location.hash = samePlace(state.place, { at: '' });
    }}>Up to ${clockMinute(Number(at))} ×</button>`
  }<//>
    <${Band} />
    <div class="tools"><${Filter} hint="Name, address…   kind:health  backend:checkout  server:s1" bad=${bad} />
      <span class="segments" role="group" aria-label="Kind"><button aria-pressed=${String(isAny)} onClick=${() => setKind(query, '')}>All</button>${KINDS.map((kind) => html`<button aria-pressed=${String(has(query, `kind:${kind}`))} onClick=${() => setKind(query, kind)}>${kind}</button>`)}</span></div>
    <section class="panel"><${Bars} history=${history} />
      ${events !== null && (rows.length === 0 ? (query === '' ? html`<p class="empty">Nothing in 24 h.</p>` : html`<${NothingMatches} />`) : html`<ul class="event-page">${rows}</ul>`)}
      ${events !== null && !isEnd && !isFull && html`<p class="empty"><button class="button" onClick=${more}>Older ones</button></p>`}
    </section>`;
}
