/** Texts of the server come as arrays of strings and `[tag, text]`: they become nodes, never markup. */
import { seen } from './format.js';
import { html } from './preact.js';

/** `b` emphasis, `code` what a machine said or reads. */
const PARTS = {
  b: (text) => html`<b>${text}</b>`,
  code: (text) => html`<code>${text}</code>`,
};

/** `text`: a string, or an array of parts. */
export function rich(text) {
  if (!Array.isArray(text)) return seen(text);
  return text.map((part) => {
    if (!Array.isArray(part)) return seen(part);
    const [tag, inner] = part;
    return (PARTS[tag] ?? seen)(seen(inner));
  });
}

/** The same without emphasis, for tooltips and titles. */
export function plain(text) {
  if (!Array.isArray(text)) return seen(text);
  return text.map((part) => seen(Array.isArray(part) ? part[1] : part)).join('');
}

const MATCHERS = /^(Host|HostRegexp)$/;

/** A rule with its matchers muted and its hosts bold. */
export function rule(text) {
  if (text === '' || text === null || text === undefined) return html`<span class="mut">every request</span>`;
  const parts = String(text).split(';');
  return html`<code class="rule">${parts.map((part, at) => {
    const colon = part.indexOf(':');
    const name = colon < 0 ? '' : part.slice(0, colon).trim();
    const value = colon < 0 ? part : part.slice(colon + 1);
    return html`${at > 0 && html`<span class="x">; </span>`}${name !== '' && html`<span class="m">${seen(name)}:</span>`}<span class=${MATCHERS.test(name) ? 'h' : ''}>${seen(value)}</span>`;
  })}</code>`;
}
