/** Certificates: what ends first, first. */
import { PlainTable } from '../cells.js';
import { day, int, NONE, seen } from '../format.js';
import { icon } from '../icons.js';
import { html } from '../preact.js';
import { objects, useAnswer } from '../store.js';
import { Band } from '../verdict.js';
import { Head } from './head.js';
import { Pages, usePage } from './pages.js';

const STATES = { bad: ['bad', 'bad', 'isbad'], warn: ['warn', 'warn', 'iswarn'], ok: ['ok', 'ok', ''] };
const HEADS = ['Names', 'Days left', 'Of a year', 'Entrypoints', 'Default of', 'Key', 'From', 'OCSP', 'Problem'];

const listed = (list) => (Array.isArray(list) ? list.map(seen).join(', ') : seen(list ?? ''));

function stapled(value) {
  if (value === null || value === undefined) return NONE;
  return typeof value === 'boolean' ? (value ? 'stapled' : 'not stapled') : seen(value);
}

function Row({ row }) {
  const { names, notAfter, days, entryPoints, defaultOf, keyType, from, problem } = row;
  const [shape, tone, edge] = STATES[row.state] ?? STATES.ok;
  const left = days < 0 ? 'ended' : `${int(Math.floor(days))} d`;
  const part = Math.max(2, Math.min(100, days / 3.65));
  return html`<tr class=${edge}><td><span class="name">${icon(shape, tone)}<span class="vh">${row.state}</span><span class="cut" title=${listed(names)}>${listed(names)}</span></span></td>
    <td class=${tone === 'ok' ? '' : `${tone} b`}>${left} <span class="mut">until ${day(notAfter)}</span></td>
    <td><span class="meter wide" aria-hidden="true"><i class=${tone === 'ok' ? '' : tone === 'bad' ? 'red' : 'hot'} style=${{ width: `${part}%` }}></i></span></td>
    <td class="mut">${listed(entryPoints) || NONE}</td><td class="mut">${listed(defaultOf) || NONE}</td><td class="mut">${seen(keyType)}</td><td class="mut">${seen(from)}</td><td class="mut">${stapled(row.stapled)}</td><td class=${problem === '' || problem === null ? 'mut' : 'bad'}>${problem === '' || problem === null ? NONE : seen(problem)}</td></tr>`;
}

export function Certificates() {
  const [page, window] = usePage();
  const { data } = useAnswer(`list/certificates?${window}`, 10_000);
  const rows = data === null ? [] : objects(data);
  return html`<${Head} title="Certificates" sub=${data === null ? '' : `${int(data.total)}, what ends first, first`} /><${Band} />
    <section class="panel">${
      data !== null && data.total === 0
        ? html`<p class="empty">No entrypoint serves TLS with a certificate of its own.</p>`
        : html`<${PlainTable} label="Certificates" heads=${HEADS}>${rows.map((row) => html`<${Row} row=${row} />`)}<//>`
    }</section><${Pages} page=${page} match=${data?.match ?? 0} />`;
}
