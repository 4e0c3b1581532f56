/** A list of frontends or backends: head, filter, one-click filters, sorting, and the table. */
import { Filter, NothingMatches, Pick, useQuery } from '../filter.js';
import { int } from '../format.js';
import { ownerClass } from '../owners.js';
import { html, useState } from '../preact.js';
import { choose, useStore } from '../store.js';
import { SortChoice, Table } from '../table.js';
import { Band } from '../verdict.js';
import { Head } from './head.js';
import { NoKeys } from './no-keys.js';

/** Rows of 30 px or 38 px, kept per browser. */
function Density() {
  const density = useStore((now) => now.density);
  const button = (name, word) =>
    html`<button aria-pressed=${String(density === name)} onClick=${() => choose('density', name)}>${word}</button>`;
  return html`<span class="segments wide-only" role="group" aria-label="Rows">${button('compact', 'Compact')}${button('roomy', 'Roomy')}</span>`;
}

/** `list`: frontends or backends. `sorts`: `[sort, word]`, the first one from the start. */
export function OwnerList({ list, title, columns, sorts, hint, note, children }) {
  const query = useQuery();
  const sort = useStore((now) => now.place.params.sort ?? sorts[0][0]);
  const [answer, setAnswer] = useState(null);
  const { match, total, counts, bad } = answer ?? {};
  const sub = answer === null ? '' : match === total ? int(total) : `${int(match)} of ${int(total)}`;
  const empty = () => (total === 0 ? html`<${NoKeys} />` : html`<${NothingMatches} />`);
  return html`<${Head} title=${title} sub=${sub}><${Density} />${children}<//>
    <${Band} />
    <div class="tools"><${Filter} hint=${hint} bad=${bad} />
      <${Pick} term="is:failing" word="Failing" count=${counts?.failing} shape="bad" /><${Pick} term="is:impaired" word="Impaired" count=${counts?.impaired} shape="warn" />
      <${SortChoice} list=${sorts} sort=${sort} /></div>
    <${Table} list=${list} label=${title} query=${query} sort=${sort} columns=${columns} rowClass=${ownerClass} sparks=${list} onAnswer=${setAnswer} note=${note} empty=${empty} />`;
}
