/** One frontend: its rule, where it leads, and what its clients get. Numbers of the backend are the backend's. */
import { Facts } from '../cells.js';
import { Charts } from '../charts.js';
import { EventList } from '../events.js';
import { age, int, NONE, rate, seen } from '../format.js';
import { icon, ownerState } from '../icons.js';
import { address, quoted } from '../place.js';
import { html } from '../preact.js';
import { RangeChoice, useHistory, useRange } from '../ranges.js';
import { useAnswer } from '../store.js';
import { rule } from '../text.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';
import { KeysInForce, Options } from './keys-in-force.js';
import { Missing } from './missing.js';

/** All of them must hold, each by one of its values. */
function RuleTree({ detail }) {
  const { terms, routes } = detail;
  return html`<section class="panel s6"><header><h2>Rule</h2><span class="count">${terms.length < 2 ? '' : 'all of these must hold'}</span></header>
    ${terms.length === 0 ? html`<p class="empty">No rule: it takes every request of its entrypoints.</p>` : html`<dl class="pairs">${terms.map(({ matcher, values }) => html`<dt>${seen(matcher)}</dt><dd>${values.map((value, at) => html`${at > 0 && html`<span class="mut"> or </span>`}<code class="b">${seen(value)}</code>`)}</dd>`)}</dl>`}
    <dl class="pairs">${routes.map(({ name, rule: text }) => html`<dt class="mono">${seen(name)}</dt><dd>${rule(text)}</dd>`)}
      <dt>Entrypoints</dt><dd>${detail.entryPoints.length === 0 ? 'the default ones' : seen(detail.entryPoints.join(', '))}</dd>
      <dt>Priority</dt><dd>${int(detail.rank)}${detail.priority === 0 ? html` <span class="mut">by the length of its rule</span>` : ''}</dd>
      <dt>Host header</dt><dd>${detail.passHostHeader ? "the client's" : "the server's"}</dd></dl></section>`;
}

function facts(detail) {
  const { c } = detail;
  const all = c === null ? null : c[0] + c[1] + c[2] + c[3];
  return [
    ['Requests', rate(all), '/s'],
    ['4xx', rate(c?.[2]), '/s'],
    ['5xx', rate(c?.[3]), '/s'],
    ['Since the start', int(detail.requests), 'requests'],
    ['Last request', detail.last === null ? NONE : age(serverNow() - detail.last), detail.last === null ? '' : 'ago'],
    ['Backend', html`<a class="link" href=${address(['backends', detail.backend])}>${seen(detail.backend)}</a>`, ''],
    ['Servers', `${int(detail.up)}/${int(detail.want)}`, ''],
    ['Entrypoints', int(detail.entryPoints.length), ''],
  ];
}

export function Frontend({ names: [name] }) {
  const { data: detail, error } = useAnswer(`frontends/${encodeURIComponent(name)}`, 2000);
  const range = useRange();
  const history = useHistory(`frontend:${name}`, range);
  if (detail === null) return html`<${Missing} kind="frontend" name=${name} error=${error} list="frontends" />`;
  const [shape, tone, word] = ownerState(detail.state);
  return html`<div class="trail"><a href=${address('frontends')}>Frontends</a>${icon('go')}</div>
    <${Head} title=${html`${icon(shape, tone)}${seen(name)}`} object=${true} sub=${html`<span class=${`tag ${tone}`}>${word}</span><span>leads to <a class="link" href=${address(['backends', detail.backend])}>${seen(detail.backend)}</a>, ${int(detail.up)} of ${int(detail.want)} servers</span>`}>
      <${RangeChoice} /><a class="button" href=${address('explain', { frontend: name })}>${icon('explain')}Explain a request to it</a><a class="button" href=${address('live', { q: `frontend:${quoted(name)}` })}>${icon('live')}Live requests</a><//>
    <${Band} />
    <div class="grid"><${Charts} history=${history} range=${range} now=${detail} height=${126} small=${true} />
      <${Facts} list=${facts(detail)} />
      <${RuleTree} detail=${detail} />
      <div class="column s6"><${Options} options=${detail.options} /><${KeysInForce} keys=${detail.keys} />
        <section class="panel"><header><h2>Events</h2></header><${EventList} events=${detail.events} /></section></div>
    </div>`;
}
