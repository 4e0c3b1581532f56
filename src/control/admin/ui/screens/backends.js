/** All backends: state and why, how many of their servers answer, and what clients get of them. */
import { BACKEND_CELLS, ROOMY_BACKEND_CELLS } from '../owners.js';
import { html } from '../preact.js';
import { useStore } from '../store.js';
import { OwnerList } from './owner-list.js';

const SORTS = [
  ['worst', 'Worst first'],
  ['-rate', 'Busiest'],
  ['name', 'Name'],
  ['up', 'Servers'],
  ['-e4', '4xx %'],
  ['-e5', '5xx %'],
  ['-p50', 'p50'],
  ['-p99', 'p99'],
];

export function Backends() {
  const isRoomy = useStore((now) => now.density === 'roomy');
  return html`<${OwnerList} list="backends" title="Backends" columns=${isRoomy ? ROOMY_BACKEND_CELLS : BACKEND_CELLS} sorts=${SORTS} hint="Name, address…   is:failing  is:impaired  method:hash  server:10.0.3.  5xx>1" />`;
}
