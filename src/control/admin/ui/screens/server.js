/** One server: its state since when, what the check or the connection said last, and its own charts. */
import { Checks, Facts, Fives } from '../cells.js';
import { Charts } from '../charts.js';
import { EventList } from '../events.js';
import { age, int, NONE, rate, seen, share, time, when } from '../format.js';
import { icon, serverState } from '../icons.js';
import { address, quoted } from '../place.js';
import { html } from '../preact.js';
import { useHistory } from '../ranges.js';
import { useAnswer } from '../store.js';
import { rich } from '../text.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';
import { KeysInForce } from './keys-in-force.js';
import { Missing } from './missing.js';

/** Servers have points of 15 s only. */
const RANGE = '1h';

function facts(server) {
  return [
    ['Share', share(server.share), '% of the turns'],
    ['Weight', `${server.weight} → ${Number(server.effective.toFixed(2))}`, ''],
    ['In flight', int(server.inflight), ''],
    ['Tries', rate(server.rate), '/s'],
    ['4xx', share(server.e4), '%'],
    ['5xx', html`<${Fives} value=${server.e5} />`, '%'],
    ['Refused or broken', rate(server.broken), '/s'],
    ['Ejections', int(server.ejections), ''],
  ];
}

function LastCheck({ check }) {
  if (check === null)
    return html`<section class="panel s4"><header><h2>Health check</h2></header><p class="empty">Its backend has none: only requests tell whether it answers.</p></section>`;
  return html`<section class="panel s4"><header><h2>Health check</h2><span class="count">the last ${int(check.bits.length)}</span></header><dl class="pairs">
    <dt>Last 40</dt><dd><${Checks} bits=${check.bits} /></dd>
    <dt>State</dt><dd class=${check.state === 'down' ? 'bad b' : ''}>${seen(check.state)}${check.since !== null && html` <span class="mut">since ${when(check.since, serverNow())}</span>`}</dd>
    <dt>Last</dt><dd>${check.at === null ? NONE : `${age(serverNow() - check.at)} ago`}${check.ms !== null && `, ${time(check.ms)}`}</dd>
    ${check.reason !== '' && html`<dt>Said</dt><dd class="bad"><code>${seen(check.reason)}</code></dd>`}
    <dt>Since the start</dt><dd>${int(check.checks)}, ${int(check.failed)} failed</dd></dl></section>`;
}

export function Server({ names: [backend, name] }) {
  const path = `backends/${encodeURIComponent(backend)}/servers/${encodeURIComponent(name)}`;
  const { data: server, error } = useAnswer(path, 2000);
  const history = useHistory(`server:${backend}/${name}`, RANGE);
  const trail = html`<div class="trail"><a href=${address('backends')}>Backends</a>${icon('go')}<a href=${address(['backends', backend])}>${seen(backend)}</a>${icon('go')}</div>`;
  if (server === null) return html`${trail}<${Missing} kind="server" name=${name} error=${error} list="backends" />`;
  const [shape, tone, word] = serverState(server.state);
  return html`${trail}
    <${Head} title=${html`${icon(shape, tone)}${seen(name)}`} object=${true} sub=${html`<span class=${`tag ${tone}`}>${word}${server.since === null ? '' : ` since ${when(server.since, serverNow())}`}</span> <code>${seen(server.url)}</code>${server.word.length > 0 && html` · ${rich(server.word)}`}`}>
      <a class="button" href=${address('live', { q: `backend:${quoted(backend)} server:${quoted(name)}` })}>${icon('live')}Live requests</a><//>
    <${Band} />
    <div class="grid"><${Charts} history=${history} range=${RANGE} now=${server} height=${126} small=${true} />
      <${Facts} list=${facts(server)} />
      <${LastCheck} check=${server.check} />
      <section class="panel s4"><header><h2>Events</h2></header><${EventList} events=${server.events} /></section>
      <div class="column s4"><${KeysInForce} keys=${server.keys} /></div>
    </div>`;
}
