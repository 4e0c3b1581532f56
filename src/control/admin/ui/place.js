/**
 * An address is a place: `#/backends/checkout?range=1h&q=…`. It names the screen, the object on it, range, filter and
 * sorting, so that it shows the same in another browser. Nothing here touches the document.
 */

/** `{ screen, names, params }`: `#/backends/B/S` has the names B and S. */
export function parsePlace(hash) {
  const text = hash.replace(/^#\/?/, '');
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const names = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  const params = Object.fromEntries(new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)));
  return { screen: names[0] ?? 'overview', names: names.slice(1), params };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place; what is empty is left out. `path`: `backends`, or `['backends', name]`. */
export function address(path, params = {}) {
  const parts = typeof path === 'string' ? [path] : path;
  const kept = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  const names = parts.filter((part) => part !== 'overview').map(encodeURIComponent);
  return `#/${names.join('/')}${query === '' ? '' : `?${query}`}`;
}

/** The same place with other parameters. */
export function samePlace({ screen, names, params }, changes) {
  return address([screen, ...names], { ...params, ...changes });
}

/** A name or address to be found as it is, within a filter. */
export function quoted(text) {
  return /[\s"]/.test(text) ? `"${text.replaceAll('"', '')}"` : text;
}
