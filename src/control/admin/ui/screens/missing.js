/** An object that is not there: it was renamed or removed, or the link is wrong. */
import { seen } from '../format.js';
import { address } from '../place.js';
import { html } from '../preact.js';
import { Band } from '../verdict.js';
import { Head } from './head.js';

/** `kind`: frontend, backend, server. `list`: the screen that has all. */
export function Missing({ kind, name, error, list }) {
  return html`<${Head} title=${seen(name)} object=${true} /><${Band} />
    <section class="panel"><p class="empty">${error === null ? 'Asking.' : html`There is no ${kind} of this name now. What was: <a class="link" href=${address('events', { q: name })}>events with it</a>. What is: <a class="link" href=${address(list)}>all ${list}</a>.`}</p></section>`;
}
