/** The way of a request, step by step, up to the server or to the answer that tsuji itself makes. */
import { Heads } from '../cells.js';
import { seen, share } from '../format.js';
import { icon, serverState } from '../icons.js';
import { address } from '../place.js';
import { html } from '../preact.js';
import { rule } from '../text.js';

const TITLES = {
  request: 'Request',
  entrypoint: 'Entrypoint',
  frontend: 'Frontend',
  middlewares: 'Options',
  backend: 'Backend',
  server: 'Server',
};

function subOf(step, answer) {
  if (step.name === 'entrypoint') return seen(answer.request.entrypoint);
  if (step.name === 'frontend') return 'by priority';
  if (step.name === 'middlewares') return 'of the frontend, in order';
  return step.name === 'backend' ? seen(answer.backend) : '';
}

function TriedRow({ one, at }) {
  const wins = one.no === '' && !one.shadowed;
  const told =
    one.no === ''
      ? html`<span class="mut">not reached</span>`
      : html`<span class="mut">no: other ${seen(one.no)}</span>`;
  return html`<tr class=${wins ? 'win' : ''}><td class="fnt">${at}</td><td><a class=${one.shadowed ? 'mut' : 'b'} href=${address(['frontends', one.name])}>${seen(one.name)}</a></td><td class="wrap">${one.rules.length === 0 ? rule('') : one.rules.map((text) => rule(text))}</td><td class="num">${one.rank}</td><td class="wrap">${wins ? html`<span class="ok b">yes</span>` : told}</td></tr>`;
}

function TriedTable({ list }) {
  return html`<div class="compare"><table><thead><tr><th scope="col"><span class="vh">Place</span></th><th scope="col">Frontend</th><th scope="col">Rule</th><th scope="col" class="num">Priority</th><th scope="col">Matches</th></tr></thead><tbody>${list.map((one, index) => html`<${TriedRow} key=${one.name} one=${one} at=${index + 1} />`)}</tbody></table></div>`;
}

/** Those of other hosts are many, and say little. */
function Tried({ step }) {
  const { tried = [], triedInAll = 0 } = step;
  const near = tried.filter(({ no }) => no !== 'host');
  const far = tried.filter(({ no }) => no === 'host');
  const more = triedInAll - near.length;
  return html`${near.length > 0 && html`<${TriedTable} list=${near} />`}${far.length > 0 && html`<details><summary>${more} of other hosts</summary><${TriedTable} list=${far} /></details>`}`;
}

function Middlewares({ list }) {
  if (list === undefined || list.length === 0) return null;
  return html`<ul>${list.map((one) => html`<li><b>${seen(one.kind)}</b>: ${one.does.map(seen).join('; ')}${one.reply !== null && html` → <b class=${one.reply.status >= 500 ? 'bad' : ''}>${one.reply.status}</b> (${seen(one.reply.cause)})`}${!one.certain && html` <span class="tag">depends on the request itself</span>`}</li>`)}</ul>`;
}

function Candidates({ step, sent }) {
  const { servers, leftOut } = step;
  if (servers === undefined || servers.length === 0) return null;
  return html`<div class="compare"><table><${Heads} list=${['Server', 'Address', 'State', '*Weight', '*Chance', 'Why']} /><tbody>${servers.map(
    (one) => {
      const [shape, tone, word] = serverState(one.state);
      return html`<tr class=${one.name === sent?.server ? 'win' : ''}><td><span class="name">${icon(shape, tone)}${seen(one.name)}</span></td><td><code>${seen(one.url.replace(/^http:\/\//, ''))}</code></td><td class=${tone === 'ok' ? 'mut' : tone}>${word}${one.reason !== '' && `, ${seen(one.reason)}`}</td><td class="num">${one.weight}${one.effectiveWeight !== one.weight && html`<span class="fnt"> → ${Number(one.effectiveWeight.toFixed(2))}</span>`}</td><td class="num">${share(one.chance)} %</td><td class="mut wrap">${seen(one.why)}</td></tr>`;
    },
  )}</tbody></table></div>
    ${(leftOut ?? []).map((one) => html`<p class="mut">left out: <b>${seen(one.name)}</b> <code>${seen(one.url)}</code> by <code>${seen(one.constraint)}</code></p>`)}`;
}

function Blame({ problems }) {
  return (problems ?? []).map(
    ({ key, state, reason, fix }) =>
      html`<p>${icon('bad', 'bad inline')} <code>${seen(key)}</code> is ${seen(state)}: ${seen(reason)}${fix !== '' && html`; probably meant: <code>${seen(fix)}</code>`}</p>`,
  );
}

function Keys({ keys }) {
  if (keys === undefined || keys.length === 0) return null;
  return html`<details><summary>${keys.length} ${keys.length === 1 ? 'key' : 'keys'}</summary><dl class="pairs mono">${keys.map((one) => html`<dt>${seen(one.key)}</dt><dd>${seen(one.value ?? '')} <span class="mut">${seen(one.source ?? '')}${one.revision ? ` rev ${seen(one.revision)}` : ''}</span></dd>`)}</dl></details>`;
}

function Step({ step, at, answer }) {
  return html`<div class=${`step ${step.ok ? 'go' : 'no'}`}><span class="o">${step.ok ? at + 1 : '!'}</span><h3>${TITLES[step.name] ?? seen(step.name)}<small>${subOf(step, answer)}</small></h3><div>${seen(step.text)}
    <${Middlewares} list=${step.middlewares} /><${Tried} step=${step} /><${Candidates} step=${step} sent=${answer.sent} /><${Blame} problems=${step.problems} /><${Keys} keys=${step.keys} /></div></div>`;
}

function End({ answer }) {
  const { reply, sent, steps } = answer;
  if (reply === null && sent !== null) {
    return html`<div class="step go"><span class="o">${steps.length + 1}</span><h3>Sent<small>to ${seen(sent.server)}, ${seen(sent.url)}</small></h3><div><pre class="wire"><code>${sent.head.split('\r\n').map(seen).join('\n').trim()}</code></pre></div></div>`;
  }
  if (reply === null) return null;
  return html`<div class="step no"><span class="o">!</span><h3>Answer<small>by tsuji</small></h3><div><b class=${reply.status >= 500 ? 'bad' : ''}>${reply.status}</b> <code>${seen(reply.cause)}</code>${reply.location !== '' && html`, to <code>${seen(reply.location)}</code>`}</div></div>`;
}

export function Steps({ answer }) {
  return html`<section class="panel s8"><header><h2>What would happen</h2></header><div class="steps">${answer.steps.map((step, at) => html`<${Step} key=${step.name} step=${step} at=${at} answer=${answer} />`)}<${End} answer=${answer} /></div></section>`;
}
