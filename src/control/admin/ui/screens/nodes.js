/** All nodes that share this etcd, and of this one its sources, workers and entrypoints. */
import { Fives, PlainTable } from '../cells.js';
import { age, int, NONE, rate, seen, share, time } from '../format.js';
import { icon } from '../icons.js';
import { html } from '../preact.js';
import { useAnswer } from '../store.js';
import { Band, serverNow, sourceName } from '../verdict.js';
import { Head } from './head.js';

const SOURCE = { live: ['ok', 'ok', ''], stale: ['warn', 'warn', 'iswarn'] };
const BAD = ['bad', 'bad', 'isbad'];

/** A table in a panel. */
function Rows({ title, sub = '', span = '', heads, children }) {
  return html`<section class=${`panel ${span}`}><header><h2>${title}</h2><span class="count">${sub}</span></header><${PlainTable} label=${title} heads=${heads}>${children}<//></section>`;
}

function NodeRow({ node, now }) {
  const isReady = node.notReady === '';
  return html`<tr class=${isReady ? '' : 'iswarn'}><td><span class="name">${icon(isReady ? 'ok' : 'warn', isReady ? 'ok' : 'warn')}<span class="vh">${isReady ? 'ready' : 'not ready'}</span><span class="cut">${seen(node.name)}</span>${node.isThis && html` <span class="tag">this one</span>`}${!isReady && html`<span class="why warn">${seen(node.notReady)}</span>`}</span></td>
    <td class="mut">${seen(node.version)}</td><td class="mut"><code>${seen(node.admin || node.address)}</code></td><td class="num">${int(node.generation)}</td>
    <td class="mut"><code>${
      Object.entries(node.applied)
        .map(([name, revision]) => `${seen(name)} ${seen(revision)}`)
        .join(' · ') || NONE
    }</code></td>
    <td class="num">${node.workers === null ? NONE : `${node.workers[0]}/${node.workers[1]}`}</td><td class="num">${rate(node.rate)}</td><td class="num">${node.e5 === null ? NONE : html`<${Fives} value=${node.e5} />`}</td><td class="num">${int(node.problems)}</td><td class="num mut">${age(now - node.startedAt)}</td></tr>`;
}

function SourceRow({ source, now }) {
  const [shape, tone, edge] = SOURCE[source.state] ?? BAD;
  return html`<tr class=${edge}><td><span class="name">${icon(shape, tone)}${sourceName(source.name)}</span></td><td class=${tone}>${seen(source.state)}${source.remembered && html` <span class="tag">from the snapshot</span>`}</td><td class="num"><code>${seen(source.revision) || NONE}</code></td><td class="num">${source.confirmedAt === null ? 'never' : `${age(now - source.confirmedAt)} ago`}</td><td class="num">${int(source.restarts)}</td><td class=${source.error === '' ? 'mut' : 'bad'}>${seen(source.error) || NONE}</td></tr>`;
}

function WorkerRow({ worker }) {
  const isServing = worker.state === 'serving';
  return html`<tr class=${isServing ? '' : 'iswarn'}><td><span class="name">${icon(isServing ? 'ok' : 'warn', isServing ? 'ok' : 'warn')}${worker.index}</span></td><td class=${isServing ? 'mut' : 'warn b'}>${seen(worker.state)}</td><td><span class="meter wide" aria-hidden="true"><i style=${{ width: `${(worker.share ?? 0) * 100}%` }}></i></span> ${share(worker.share)}${worker.share === null ? '' : ' %'}</td><td class="num">${share(worker.busy)}${worker.busy === null ? '' : ' %'}</td><td class="num">${int(worker.generation)}</td><td class="num">${int(worker.restarts)}</td><td class="num">${int(worker.lost)}</td></tr>`;
}

export function Nodes() {
  const { data } = useAnswer('nodes', 2000);
  const head = html`<${Head} title="Nodes" sub=${data === null || data.prefix === '' ? '' : `those below ${seen(data.prefix)}`} /><${Band} />`;
  if (data === null) return head;
  const now = serverNow();
  return html`${head}<div class="column">
    <${Rows} title="Nodes" sub=${data.reason === '' ? (data.more > 0 ? `and ${int(data.more)} more` : '') : seen(data.reason)} heads=${['Node', 'Version', 'Address', '*Generation', 'Revision', '*Workers', '*Requests/s', '*5xx %', '*Problems', '*Up']}>${data.nodes.map((node) => html`<${NodeRow} key=${node.name} node=${node} now=${now} />`)}<//>
    <${Rows} title="Entrypoints" sub="of this node" heads=${['Entrypoint', 'Address', '*Requests/s', '*5xx %', '*p50', '*p99', '*Connections']}>${data.entryPoints.map((one) => html`<tr><td class="b">${seen(one.name)}</td><td><code>${seen(one.address)}</code></td><td class="num">${rate(one.rate)}</td><td class="num">${one.e5 === null ? NONE : html`<${Fives} value=${one.e5} />`}</td><td class="num">${time(one.lat?.[0] ?? null)}</td><td class="num">${time(one.lat?.[2] ?? null)}</td><td class="num">${int(one.conns)}</td></tr>`)}<//>
    <div class="grid"><${Rows} span="s6" title="Sources of keys" heads=${['Source', 'State', '*Revision', '*Confirmed', '*Restarts', 'Error']}>${data.sources.map((source) => html`<${SourceRow} key=${source.name} source=${source} now=${now} />`)}<//>
      <${Rows} span="s6" title="Workers" sub="of this node" heads=${['Worker', 'State', 'Share of requests', '*Busy', '*Generation', '*Restarts', '*Lost requests']}>${data.workers.map((worker) => html`<${WorkerRow} key=${worker.index} worker=${worker} />`)}<//></div>
  </div>`;
}
