/** The columns of backends and frontends, which lists and the overview share. */
import { columnClass, Fives, OwnerName, RateCell, Rules, Servers, TimeCell } from './cells.js';
import { age, int, seen, share, time } from './format.js';
import { ownerState } from './icons.js';
import { address } from './place.js';
import { html } from './preact.js';
import { serverNow } from './verdict.js';

export const ownerClass = (row) => ownerState(row.state)[3];

export const BACKEND_CELLS = [
  {
    key: 'name',
    label: 'Backend',
    cell: (row, { index, focus }) =>
      html`<${OwnerName} state=${row.state} name=${row.name} why=${row.why} path=${['backends', row.name]} index=${index} focus=${focus} />`,
  },
  {
    key: 'servers',
    label: 'Servers',
    sorts: 'up',
    width: '17%',
    cell: (row) => html`<${Servers} up=${row.up} want=${row.want} pips=${row.pips} />`,
  },
  {
    key: 'rate',
    label: 'Requests/s',
    num: true,
    width: '138px',
    cell: (row, { spark }) => html`<${RateCell} value=${row.rate} points=${spark} />`,
  },
  { key: 'e4', label: '4xx %', num: true, wide: true, width: '66px', cell: (row) => share(row.e4) },
  {
    key: 'e5',
    label: '5xx %',
    num: true,
    width: '70px',
    mobileLabel: '5xx %',
    cell: (row) => html`<${Fives} value=${row.e5} />`,
  },
  {
    key: 'p50',
    label: 'p50',
    num: true,
    wide: true,
    width: '76px',
    cell: (row) => html`<span class="mut">${time(row.p50)}</span>`,
  },
  {
    key: 'p99',
    label: 'p99',
    num: true,
    wide: true,
    width: '130px',
    cell: (row) => html`<${TimeCell} value=${row.p99} state=${row.state} />`,
  },
];

export const ROOMY_BACKEND_CELLS = [
  ...BACKEND_CELLS,
  {
    key: 'method',
    label: 'Method',
    wide: true,
    width: '9%',
    cell: (row) => html`<span class="mut">${seen(row.method)}</span>`,
  },
  {
    key: 'protection',
    label: 'Protection',
    sorts: '',
    wide: true,
    width: '14%',
    cell: (row) => html`<span class="mut">${seen(row.protection)}</span>`,
  },
];

export const FRONTEND_CELLS = [
  {
    key: 'name',
    label: 'Frontend',
    width: '16%',
    cell: (row, { index, focus }) =>
      html`<${OwnerName} state=${row.state} name=${row.name} path=${['frontends', row.name]} index=${index} focus=${focus} />`,
  },
  { key: 'rules', label: 'Rule', cell: (row) => html`<${Rules} rules=${row.rules} />` },
  {
    key: 'entryPoints',
    label: 'Entrypoints',
    wide: true,
    least: true,
    width: '118px',
    cell: (row) => html`<span class="mut">${seen(row.entryPoints.join(', '))}</span>`,
  },
  {
    key: 'backend',
    label: 'Backend',
    wide: true,
    width: '16%',
    cell: (row) =>
      html`<span class="servers"><a class="link" href=${address(['backends', row.backend])} tabindex="-1">${seen(row.backend)}</a><span class=${row.up < row.want ? 'bad b' : 'fnt'}>${int(row.up)}/${int(row.want)}</span></span>`,
  },
  {
    key: 'rate',
    label: 'Requests/s',
    num: true,
    width: '132px',
    cell: (row, { spark }) => html`<${RateCell} value=${row.rate} points=${spark} />`,
  },
  { key: 'e4', label: '4xx %', num: true, wide: true, least: true, width: '64px', cell: (row) => share(row.e4) },
  {
    key: 'e5',
    label: '5xx %',
    num: true,
    width: '68px',
    mobileLabel: '5xx %',
    cell: (row) => html`<${Fives} value=${row.e5} />`,
  },
  {
    key: 'p99',
    label: 'p99',
    num: true,
    wide: true,
    width: '120px',
    cell: (row) => html`<${TimeCell} value=${row.p99} state=${row.state} />`,
  },
  {
    key: 'priority',
    label: 'Priority',
    num: true,
    wide: true,
    least: true,
    width: '74px',
    cell: (row) => html`<span class="fnt">${int(row.priority)}</span>`,
  },
];

export const ROOMY_FRONTEND_CELLS = [
  ...FRONTEND_CELLS,
  {
    key: 'last',
    label: 'Last request',
    wide: true,
    width: '112px',
    cell: ({ last }) => html`<span class="mut">${last === null ? 'none yet' : `${age(serverNow() - last)} ago`}</span>`,
  },
];

/** Outside a window: every row is a stop of its own. `spark`: of its name. */
export function PlainRow({ row, columns, spark }) {
  return html`<tr class=${ownerClass(row)}>${columns.map((column) => html`<td class=${columnClass(column)} data-label=${column.mobileLabel}>${column.cell(row, { spark })}</td>`)}</tr>`;
}
