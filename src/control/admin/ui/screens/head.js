/** The head of a screen: its name, one line about it, and its controls at the right. */
import { html } from '../preact.js';

export function Head({ title, sub = '', object = false, children }) {
  return html`<div class="head"><h1 class=${object ? 'object' : ''}>${title}</h1>${sub !== '' && html`<span class="sub">${sub}</span>`}<span class="push"></span>${children}</div>`;
}
