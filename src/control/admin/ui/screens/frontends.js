/** All frontends: which rule leads to which backend, and what clients get there. */
import { icon } from '../icons.js';
import { FRONTEND_CELLS, ROOMY_FRONTEND_CELLS } from '../owners.js';
import { address } from '../place.js';
import { html } from '../preact.js';
import { useStore } from '../store.js';
import { OwnerList } from './owner-list.js';

const SORTS = [
  ['-rate', 'Busiest'],
  ['worst', 'Worst first'],
  ['name', 'Name'],
  ['backend', 'Backend'],
  ['-e4', '4xx %'],
  ['-e5', '5xx %'],
  ['-p99', 'p99'],
  ['-priority', 'Priority'],
  ['last', 'Longest unused'],
];

export function Frontends() {
  const isRoomy = useStore((now) => now.density === 'roomy');
  return html`<${OwnerList} list="frontends" title="Frontends" columns=${isRoomy ? ROOMY_FRONTEND_CELLS : FRONTEND_CELLS} sorts=${SORTS} hint="Name, host, rule…   host:shop  backend:api  5xx>1  p99>200  -word" note="4xx, 5xx and p99 are those of the frontend over the last 10 s"><a class="button" href=${address('explain')}>${icon('explain')}Which one takes a request?</a><//>`;
}
