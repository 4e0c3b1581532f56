/** Nothing has been loaded since the start: what is there, what is missing, and how to see it on this host. */
import { count, int, seen, when } from '../format.js';
import { icon } from '../icons.js';
import { html } from '../preact.js';
import { useAnswer } from '../store.js';
import { serverNow, sourceName } from '../verdict.js';
import { FirstKeys } from './no-keys.js';

function Step({ kind, sign, title, sub, children }) {
  return html`<div class=${`step ${kind}`}><span class="o">${sign}</span><h3>${title}<small>${sub}</small></h3><div>${children}</div></div>`;
}

/** What tests a source from a shell; '' where there is none. */
function testOf({ name, error }) {
  // The member that was asked stands in its error.
  const endpoint = /(?:[\w.-]+|\[[\da-f:]+\]):\d+/i.exec(error)?.[0];
  const at = endpoint === undefined ? '' : `--endpoints=${endpoint} `;
  if (name === 'etcdv3') return `etcdctl ${at}endpoint status`;
  return name === 'etcdv2' ? `ETCDCTL_API=2 etcdctl ${at}cluster-health` : '';
}

function sourceSub({ state, confirmedAt, restarts }) {
  if (state === 'live') return 'live';
  if (confirmedAt === null) return restarts > 0 ? `no answer yet, ${count(restarts, 'try', 'tries')}` : 'no answer yet';
  return `${seen(state)}, heard ${when(confirmedAt, serverNow())}`;
}

function Source({ source, at }) {
  const isLive = source.state === 'live';
  const failed = source.error !== '';
  const test = testOf(source);
  const kind = isLive ? 'go' : failed ? 'no' : '';
  const sign = isLive ? icon('ok', 'ok') : failed ? '!' : at;
  return html`<${Step} kind=${kind} sign=${sign} title=${sourceName(source.name)} sub=${sourceSub(source)}>
    ${isLive ? html`revision <code>${seen(source.revision)}</code>` : failed ? html`<code>${seen(source.error)}</code>` : 'waits for an answer'}
    ${!isLive && test !== '' && html`<br />It is tried again by itself. On this host: <code>${seen(test)}</code>`}<//>`;
}

export function ColdStart() {
  const { data } = useAnswer('nodes', 2000);
  if (data === null) return html`<section class="panel s8"><p class="empty">Asking what is there.</p></section>`;
  const serving = data.workers.filter(({ state }) => state === 'serving').length;
  const isListening = serving === data.workers.length && serving > 0;
  const addresses = data.entryPoints.map(({ name, address }) => `${seen(name)} ${seen(address)}`).join(' · ');
  const next = data.sources.length + 2;
  return html`<section class="panel s8"><header><h2>What is there, what is missing</h2></header><div class="steps">
    <${Step} kind=${isListening ? 'go' : ''} sign=${isListening ? icon('ok', 'ok') : 1} title="Listening" sub=${addresses}>${int(serving)} of ${int(data.workers.length)} workers serve<//>
    ${data.sources.map((source, at) => html`<${Source} key=${source.name} source=${source} at=${at + 2} />`)}
    <${Step} kind="" sign=${next} title="Keys" sub=${`below ${seen(data.prefix)}`}>none seen. The first two, once a source answers:<${FirstKeys} prefix=${data.prefix} /><//>
    <${Step} kind="" sign=${next + 1} title="Serving" sub=""><span class="mut">The first source that answers ends the start.</span><//>
  </div></section>`;
}
