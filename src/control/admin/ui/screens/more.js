/** What small windows have behind their last tab. */
import { icon } from '../icons.js';
import { SCREENS } from '../nav.js';
import { address } from '../place.js';
import { html } from '../preact.js';
import { set } from '../store.js';
import { Band, toggleTheme } from '../verdict.js';
import { Head } from './head.js';

export function More() {
  return html`<${Head} title="More"><button class="button" onClick=${() => set({ palette: true })}>${icon('search')}Search</button><button class="button" onClick=${toggleTheme}>${icon('theme')}Light or dark</button><//>
    <${Band} />
    <nav class="panel menu" aria-label="All screens">${SCREENS.map(([name, word]) => html`<a href=${address(name)}>${icon(name)}${word}</a>`)}</nav>`;
}
