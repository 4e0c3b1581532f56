/** The keys that make an object, and what they set beside rules and servers. */
import { seen } from '../format.js';
import { html } from '../preact.js';
import { useStore } from '../store.js';

/** `keys`: `[key, value, source]`. */
export function KeysInForce({ keys }) {
  const generation = useStore((now) => now.overview?.gen ?? null);
  if (keys.length === 0) return null;
  return html`<section class="panel"><header><h2>Keys</h2><span class="count">as in force${generation === null ? '' : `, generation ${generation}`}</span></header>
    <dl class="pairs mono">${keys.map(([key, value, source]) => html`<dt title=${seen(source)}>${seen(key)}</dt><dd>${seen(value)}</dd>`)}</dl></section>`;
}

function flat(options, before = '') {
  return Object.entries(options).flatMap(([name, value]) => {
    const path = before === '' ? name : `${before}.${name}`;
    if (Array.isArray(value)) {
      const isPlain = value.every((one) => typeof one !== 'object' || one === null);
      return isPlain ? [[path, value.join(', ')]] : value.flatMap((one, at) => flat({ [at]: one }, path));
    }
    if (typeof value === 'object' && value !== null) return flat(value, path);
    return [[path, String(value)]];
  });
}

/** What a frontend or backend does beside routing. */
export function Options({ options }) {
  const list = flat(options);
  if (list.length === 0) return null;
  return html`<section class="panel"><header><h2>Options</h2></header><dl class="pairs">${list.map(([name, value]) => html`<dt>${seen(name)}</dt><dd><code>${seen(value)}</code></dd>`)}</dl></section>`;
}
