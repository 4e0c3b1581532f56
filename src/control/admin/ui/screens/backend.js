/** One backend: since when it is how it is, what its servers do, and which keys say so. */
import { Checks, Facts, Fives, PlainTable, Rules, ServerName, Spark } from '../cells.js';
import { Charts } from '../charts.js';
import { EventList } from '../events.js';
import { age, bytes, count, int, NONE, rate, seen, share, time, when } from '../format.js';
import { icon, ownerState, serverState } from '../icons.js';
import { address, quoted } from '../place.js';
import { html } from '../preact.js';
import { RangeChoice, useHistory, useRange } from '../ranges.js';
import { useAnswer, useSparks } from '../store.js';
import { rich } from '../text.js';
import { Band, serverNow } from '../verdict.js';
import { Head } from './head.js';
import { KeysInForce, Options } from './keys-in-force.js';
import { Missing } from './missing.js';

const BREAKER = { standby: ['ok', ''], tripped: ['bad', 'open'], recovering: ['warn', 'recovering'] };

function Tags({ detail }) {
  const [, tone, word] = ownerState(detail.state);
  const from = detail.since === null ? '' : ` since ${when(detail.since, serverNow())}`;
  const breaker = BREAKER[detail.breaker?.state];
  return html`${detail.state === 'ok' || detail.state === 'idle' ? html`<span class="tag ${tone}">${detail.state === 'ok' ? 'all servers answer' : `idle${from}`}</span>` : html`<span class=${`tag ${tone}`}>${word}${from}</span>`}
    ${breaker !== undefined && breaker[1] !== '' && html`<span class=${`tag ${breaker[0]}`}>${icon(breaker[0])}breaker ${breaker[1]}</span>`}
    ${detail.state !== 'ok' && detail.why !== '' && !detail.why.startsWith('breaker') && html`<span class="tag">${seen(detail.why)}</span>`}`;
}

function backendFacts(detail) {
  const { breaker, limit, conns, retries } = detail;
  const [out, unit] = bytes(detail.bytes?.[1]);
  return [
    ['In flight', int(detail.inflight), ''],
    ['Retries', rate(retries?.[0]), '/s'],
    ['Retries refused', rate(retries?.[1]), '/s'],
    ['Breaker', breaker === null ? NONE : int(breaker.trips), breaker === null ? 'none' : 'trips'],
    limit === null
      ? ['Limit', NONE, 'none']
      : [
          'Limit',
          `${int(limit.inProgress)}/${int(limit.amount)}`,
          limit.waiting > 0 ? `${int(limit.waiting)} wait` : `by ${seen(limit.by)}`,
        ],
    ['Connections', int(conns.open), `${int(conns.idle)} idle`],
    ['New connections', rate(conns.made), '/s'],
    ['Bytes out', out, unit === '' ? '' : `${unit}/s`],
  ];
}

function checkLine({ check }) {
  if (check === null) return 'no health check';
  return html`<span>check: GET <code>${seen(check.path)}</code> every ${age(check.interval)}, ${age(check.timeout)} time, fall ${check.fall}, rise ${check.rise}</span>`;
}

function ServerRow({ backend, server, spark }) {
  const [, tone, word, kind] = serverState(server.state);
  const row = { bad: 'isbad', warn: 'iswarn' }[kind] ?? '';
  const quiet = server.rate === null || server.rate === 0;
  return html`<tr class=${row}><td><${ServerName} state=${server.state} name=${server.name} path=${['backends', backend, server.name]} /></td>
    <td><code>${seen(server.url.replace(/^http:\/\//, ''))}</code></td>
    <td><span class=${kind === 'bad' ? 'bad b' : kind === 'warn' ? 'warn b' : tone === 'ok' ? 'mut' : tone}>${word}</span>${server.since !== null && html` <small class="mut">since ${when(server.since, serverNow())}</small>`}</td>
    <td class="num">${server.weight}<span class="fnt"> → ${Number(server.effective.toFixed(2))}</span></td>
    <td class="num">${share(server.share)} %<span class="meter"><i style=${{ width: `${server.share * 100}%` }}></i></span></td>
    <td class="num">${int(server.inflight)}</td>
    <td class="num"><span class="with-spark">${rate(server.rate)}<${Spark} points=${spark} width=${52} /></span></td>
    <td class="num">${quiet ? NONE : share(server.e4)}</td><td class="num">${quiet ? NONE : html`<${Fives} value=${server.e5} />`}</td><td class="num">${quiet ? NONE : time(server.lat?.[2] ?? null)}</td>
    <td>${server.check === null ? html`<span class="fnt">none</span>` : html`<${Checks} bits=${server.check.bits} />`}</td>
    <td class=${kind === 'bad' ? 'bad' : 'mut'}>${server.word.length > 0 ? rich(server.word) : server.check !== null && server.check.ms !== null ? `answered in ${time(server.check.ms)}` : ''}</td></tr>`;
}

const HEADS = [
  'Server',
  'Address',
  'State',
  '*Weight',
  '*Share',
  '*In flight',
  '*Requests/s',
  '*4xx %',
  '*5xx %',
  '*p99',
  'Last 40 checks',
  'Last word',
];

function Servers({ detail }) {
  const sparks = useSparks(
    'servers',
    detail.servers.map(({ name }) => `${detail.name}/${name}`),
  );
  return html`<section class="panel s12"><header><h2>Servers</h2><span class="count">${int(detail.up)} of ${int(detail.want)} take requests${detail.draining.length > 0 ? `, ${count(detail.draining.length, 'drains', 'drain')}` : ''}</span><span class="right">${checkLine(detail)}</span></header>
    ${
      detail.servers.length === 0
        ? html`<p class="empty">No key makes a server of it: requests to it are answered with 503.</p>`
        : html`<${PlainTable} label="Servers" heads=${HEADS}>${detail.servers.map((server) => html`<${ServerRow} key=${server.name} backend=${detail.name} server=${server} spark=${sparks[`${detail.name}/${server.name}`]} />`)}<//>`
    }
    ${detail.leftOut.length > 0 && html`<p class="empty">Left out: ${detail.leftOut.map(({ name, url, constraint }) => html`<b>${seen(name)}</b> <code>${seen(url)}</code> by <code>${seen(constraint)}</code> `)}</p>`}
  </section>`;
}

function FrontendsHere({ detail }) {
  return html`<section class="panel s4"><header><h2>Frontends</h2><span class="count">${int(detail.frontendCount)} lead here</span><span class="right"><a class="link" href=${address('frontends', { q: `backend:${quoted(detail.name)}` })}>All</a></span></header>
    ${detail.frontends.length === 0 ? html`<p class="empty">No frontend leads here: nothing can reach it.</p>` : html`<ul class="brief">${detail.frontends.slice(0, 8).map(([name, rules, perSecond]) => html`<li><a class="b" href=${address(['frontends', name])}>${seen(name)}</a><span class="cut"><${Rules} rules=${rules} /></span><span class="num">${rate(perSecond)}/s</span></li>`)}</ul>`}</section>`;
}

export function Backend({ names: [name] }) {
  const { data: detail, error } = useAnswer(`backends/${encodeURIComponent(name)}`, 2000);
  const range = useRange();
  const history = useHistory(`backend:${name}`, range);
  if (detail === null) return html`<${Missing} kind="backend" name=${name} error=${error} list="backends" />`;
  const [shape, tone] = ownerState(detail.state);
  const sticky = detail.sticky === null ? '' : html`, sticky by <code>${seen(detail.sticky)}</code>`;
  const hash = detail.hash === null ? '' : html`, by <code>${seen(detail.hash)}</code>`;
  const slow = detail.slowStart === null ? '' : `, slow start ${age(detail.slowStart)}`;
  return html`<div class="trail"><a href=${address('backends')}>Backends</a>${icon('go')}</div>
    <${Head} title=${html`${icon(shape, tone)}${seen(name)}`} object=${true} sub=${html`<${Tags} detail=${detail} /> ${seen(detail.method)}${hash}${sticky}${slow} · ${int(detail.up)} of ${int(detail.want)} servers · ${count(detail.frontendCount, 'frontend')}`}>
      <${RangeChoice} /><a class="button" href=${address('live', { q: `backend:${quoted(name)}` })}>${icon('live')}Live requests</a><//>
    <${Band} />
    <div class="grid"><${Charts} history=${history} range=${range} now=${detail} height=${126} small=${true} />
      <${Facts} list=${backendFacts(detail)} />
      <${Servers} detail=${detail} />
      <section class="panel s3"><header><h2>Events</h2><span class="count">of ${seen(name)}</span><span class="right"><a class="link" href=${address('events', { q: `backend:${quoted(name)}` })}>All</a></span></header><${EventList} events=${detail.events} /></section>
      <${FrontendsHere} detail=${detail} />
      <div class="column s5"><${Options} options=${detail.options} /><${KeysInForce} keys=${detail.keys} /></div>
    </div>`;
}
