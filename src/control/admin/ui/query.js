/** The filter language, as far as the page reads it: which parts of a query are whole terms. The server decides what matches. */

const TOKEN = /-?[a-z0-9]+[:<>](?:"[^"]*"?|\S*)|-?"[^"]*"?|\S+/gi;
const TERM = /^-?[a-z0-9]+[:<>](?:"[^"]*"|[^"\s]+)$/i;

export function tokens(query) {
  return query.match(TOKEN) ?? [];
}

/** What is complete becomes a chip; what is still being typed stays text. `{ chips, text }` */
export function split(query) {
  const all = tokens(query);
  return { chips: all.filter((token) => TERM.test(token)), text: all.filter((token) => !TERM.test(token)).join(' ') };
}

export function joinQuery(chips, text) {
  return [...chips, text.trim()].filter((part) => part !== '').join(' ');
}

/** With the term where it was not, without it where it was. */
export function toggled(query, term) {
  const all = tokens(query);
  return (all.includes(term) ? all.filter((token) => token !== term) : [...all, term]).join(' ');
}

export const has = (query, term) => tokens(query).includes(term);
