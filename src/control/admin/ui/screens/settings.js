/** Settings in force: those that were chosen first. Secrets are never shown. */
import { PlainTable } from '../cells.js';
import { Filter, NothingMatches, useQuery } from '../filter.js';
import { clock, int, seen } from '../format.js';
import { html } from '../preact.js';
import { tokens } from '../query.js';
import { choose, useAnswer, useStore } from '../store.js';
import { Band } from '../verdict.js';
import { Head } from './head.js';

/** The whole list is here, so that it is looked through here. */
function isWanted(row, query) {
  return tokens(query).every((token) => {
    const isNot = token.startsWith('-');
    const term = (isNot ? token.slice(1) : token).toLowerCase().replaceAll('"', '');
    const [, name, value] = /^(from|is):(.*)$/.exec(term) ?? [];
    let holds = `${row.name} ${row.value} ${row.help}`.toLowerCase().includes(term);
    if (name === 'from') holds = row.from === value;
    else if (name === 'is') holds = value === 'changed' && row.from !== 'default';
    return holds !== isNot;
  });
}

function Row({ row }) {
  const isDefault = row.from === 'default';
  return html`<tr><td><code class="b">${seen(row.name)}</code></td><td class="wrap"><code>${seen(row.value)}</code></td><td>${isDefault ? html`<span class="fnt">default</span>` : html`<span class="tag info">${seen(row.from)}</span>`}</td><td class="mut"><code>${seen(row.default)}</code></td><td class="mut wrap">${seen(row.help)}</td></tr>`;
}

function ClockChoice() {
  const isLocal = useStore((now) => now.clock) === 'local';
  const pick = (local) => {
    clock.local = local;
    choose('clock', local ? 'local' : 'utc');
  };
  return html`<span class="segments" role="group" aria-label="Clock times"><button aria-pressed=${String(!isLocal)} onClick=${() => pick(false)}>UTC</button><button aria-pressed=${String(isLocal)} onClick=${() => pick(true)}>This browser's zone</button></span>`;
}

export function Settings() {
  const query = useQuery();
  const { data, error } = useAnswer('settings');
  const all = data === null ? [] : data.settings;
  const rows = all.filter((row) => isWanted(row, query));
  const ordered = [...rows.filter(({ from }) => from !== 'default'), ...rows.filter(({ from }) => from === 'default')];
  const chosen = all.filter(({ from }) => from !== 'default').length;
  return html`<${Head} title="Settings" sub=${data === null ? '' : `${int(chosen)} of ${int(all.length)} chosen; secrets are never shown`}><${ClockChoice} /><//>
    <${Band} />
    <div class="tools"><${Filter} hint="Name or value…  from:flag  from:etcd  is:changed" /></div>
    <section class="panel">${
      error !== null
        ? html`<p class="empty">${seen(error)}</p>`
        : data !== null && ordered.length === 0
          ? html`<${NothingMatches} />`
          : html`<${PlainTable} label="Settings" heads=${['Setting', 'Value', 'From', 'Default', 'Meaning']}>${ordered.map((row) => html`<${Row} key=${row.name} row=${row} />`)}<//>`
    }</section>`;
}
