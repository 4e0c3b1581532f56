/** Requests as they end, a sample of them. Workers sample only while somebody looks. */
import { PlainTable } from '../cells.js';
import { Filter, useQuery } from '../filter.js';
import { bothZones, clockMilli, int, rate, seen, time } from '../format.js';
import { address } from '../place.js';
import { html, useEffect, useRef, useState } from '../preact.js';
import { API, useStore } from '../store.js';
import { Band } from '../verdict.js';
import { Head } from './head.js';

const RATE = 50;
const ROWS = 60;
/** How often the page is drawn while requests come, ms. */
const DRAW = 250;
/** After a filter has changed, ms. */
const REST = 250;
const PARTS = [
  ['is-wait', 'waited'],
  ['is-one', 'connected'],
  ['is-p90', 'to the first byte'],
  ['is-c2', 'rest'],
];
const HEADS = [
  ['Ended', '112px'],
  ['Code', '58px'],
  ['Method', '64px'],
  ['Host and path'],
  ['*Time', '84px'],
  ['Where it went', '206px'],
  ['Server', '18%'],
  ['Client', '124px'],
];

/** Why there is no stream: a stream cannot say it. */
async function refusal(path) {
  const abort = new AbortController();
  try {
    const response = await fetch(path, { cache: 'no-store', signal: abort.signal });
    if (response.ok) return { error: '' };
    const { error, bad = [] } = await response.json();
    return { error: String(error), bad };
  } catch {
    return { error: 'tsuji gives no live view now' };
  } finally {
    abort.abort();
  }
}

function useTail(query, isPaused) {
  const [shown, setShown] = useState({ rows: [], skipped: null, error: '', bad: [] });
  const kept = useRef({ rows: [], skipped: null, error: '', bad: [], at: 0, isOpen: false });
  useEffect(() => {
    if (isPaused) return undefined;
    const own = kept.current;
    Object.assign(own, { rows: [], error: '', bad: [] });
    let timer = 0;
    const path = `${API}tail?q=${encodeURIComponent(query)}&rate=${RATE}`;
    let source = null;
    const draw = () => {
      timer = 0;
      // Workers tell of what they have by turns.
      own.rows = own.rows.sort((a, b) => b.t - a.t || b.id - a.id).slice(0, ROWS);
      setShown({ ...own });
    };
    const open = () => {
      source = new EventSource(path);
      source.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if (message.skipped !== undefined) own.skipped = message.skipped;
        else own.rows.push({ ...message, id: ++own.at });
        if (timer === 0) timer = setTimeout(draw, DRAW);
      };
      source.onerror = async () => {
        if (source.readyState !== EventSource.CLOSED) return;
        Object.assign(own, await refusal(path));
        draw();
      };
    };
    // Whoever types on would have every worker told of each letter.
    const opening = setTimeout(open, own.isOpen ? REST : 0);
    own.isOpen = true;
    return () => {
      clearTimeout(opening);
      source?.close();
      clearTimeout(timer);
    };
  }, [query, isPaused]);
  return shown;
}

function Span({ ms, most }) {
  const all = ms.reduce((sum, part) => sum + part, 0);
  const scale = Math.max(0.04, Math.min(1, Math.log10(1 + all) / Math.log10(1 + most)));
  const label = PARTS.map(([, word], at) => `${word} ${time(ms[at])}`).join(', ');
  return html`<span class="span" role="img" title=${label} aria-label=${label}>${ms.map((part, at) => html`<i class=${PARTS[at]?.[0]} style=${{ width: `${all === 0 ? 0 : (part / all) * scale * 100}%` }}></i>`)}</span>`;
}

function Row({ row, most }) {
  const { t, code, m, h, p, f, b, s, tries, ip } = row;
  const ms = row.ms.map((part) => part ?? 0);
  const tone = code >= 500 ? 'bad b' : code >= 400 ? 'warn b' : 'mut';
  const own = b === undefined || b === null || b === '';
  return html`<tr class=${code >= 500 ? 'isbad' : ''}><td class="mut" title=${bothZones(t)}>${clockMilli(t)}</td><td class=${tone}>${code}</td><td class="mut">${seen(m)}</td><td title=${f ? `frontend ${seen(f)}` : ''}><span class="b">${seen(h)}</span><span class="mut">${seen(p)}</span></td><td class="num">${time(ms.reduce((sum, part) => sum + part, 0))}</td><td><${Span} ms=${ms} most=${most} /></td>
    <td>${own ? html`<span class="mut">answered by tsuji</span>` : html`<a class="link" href=${address(['backends', b])}>${seen(b)}</a><span class="fnt">/${seen(s ?? '')}</span>`}${tries > 1 && html` <span class="warn">${tries === 2 ? 'tried twice' : `tried ${tries} times`}</span>`}</td><td class="mut">${seen(ip)}</td></tr>`;
}

export function Live() {
  const query = useQuery();
  const [isPaused, setPaused] = useState(false);
  const { rows, skipped, error, bad } = useTail(query, isPaused);
  const perSecond = useStore((now) => (now.overview?.c ?? null)?.reduce((sum, part) => sum + part, 0) ?? null);
  useEffect(() => {
    const turn = () => setPaused((now) => !now);
    addEventListener('pause', turn);
    return () => removeEventListener('pause', turn);
  }, []);
  const most = Math.max(1000, ...rows.map(({ ms }) => ms.reduce((sum, part) => sum + (part ?? 0), 0)));
  const sample =
    skipped > 0
      ? `A sample: ${RATE} a second, ${int(skipped)} more in the last one`
      : `All that match, up to ${RATE} a second`;
  return html`<${Head} title="Live requests" sub=${isPaused ? 'Paused: nothing is sampled.' : `${sample}${perSecond === null ? '' : `; ${rate(perSecond)} requests/s in all`}`}><button class="button" aria-pressed=${String(isPaused)} aria-keyshortcuts="p" onClick=${() => setPaused(!isPaused)}>${isPaused ? 'Go on' : 'Pause'} <kbd>p</kbd></button><//>
    <${Band} />
    <div class="tools"><${Filter} hint="code:5xx  host:shop  backend:api  ip:10.3.  ms>200" bad=${bad} /><span class="legend">${PARTS.map(([name, word]) => html`<span><i class=${name}></i>${word}</span>`)}</span></div>
    <section class="panel"><${PlainTable} label="Live requests" heads=${HEADS} className="fixed">${rows.map((row) => html`<${Row} key=${row.id} row=${row} most=${most} />`)}<//>
      ${rows.length === 0 && html`<p class="empty">${error === '' ? 'No request yet.' : seen(error)}</p>`}</section>`;
}
