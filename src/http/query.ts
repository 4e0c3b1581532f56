/** Parameters of a query, found and taken off; all else in it stays as it was sent. `query`: as received, without the `?`. */
import { decodedQuery } from '../kernel/percent.ts';

const AMPERSAND = 0x26;
const SEMICOLON = 0x3b;

type Parameter = { readonly start: number; readonly end: number; readonly value: string };

/** Those of that name, with the places where they stand. `&` and `;` both separate: some servers read both. */
function parametersOf(query: string, name: string): Parameter[] {
  const found: Parameter[] = [];
  for (let start = 0; start <= query.length; ) {
    let end = start;
    while (end < query.length && query.charCodeAt(end) !== AMPERSAND && query.charCodeAt(end) !== SEMICOLON) end++;
    const pair = query.slice(start, end);
    const equals = pair.indexOf('=');
    if (pair !== '' && decodedQuery(equals < 0 ? pair : pair.slice(0, equals)) === name) {
      found.push({ start, end, value: equals < 0 ? '' : (decodedQuery(pair.slice(equals + 1)) ?? '') });
    }
    start = end + 1;
  }
  return found;
}

/** Decoded; '' for one with an invalid escape. */
export function queryValues(query: string, name: string): string[] {
  return parametersOf(query, name).map(({ value }) => value);
}

/** Each goes with the separator behind it, or the one before it at the end. */
export function withoutQueryName(query: string, name: string): string {
  let rest = '';
  let from = 0;
  for (const { start, end } of parametersOf(query, name)) {
    rest += query.slice(from, start);
    from = end + 1;
  }
  if (from <= query.length) return rest + query.slice(from);
  return rest.slice(0, -1);
}

const REDACTED = 'REDACTED';

/** With each parameter as `show` has it; `equals`: where its name ends, −1 for one without a value. */
function shownQuery(query: string, show: (pair: string, equals: number) => string): string {
  let shown = '';
  for (let start = 0; start <= query.length; ) {
    let end = start;
    while (end < query.length && query.charCodeAt(end) !== AMPERSAND && query.charCodeAt(end) !== SEMICOLON) end++;
    const pair = query.slice(start, end);
    shown += show(pair, pair.indexOf('=')) + query.slice(end, end + 1);
    start = end + 1;
  }
  return shown;
}

/** With the values of all parameters but those of `safe` hidden; names stay, and what has no value. */
export function redactedQuery(query: string, safe: ReadonlySet<string>): string {
  return shownQuery(query, (pair, equals) => {
    const hides = equals >= 0 && equals < pair.length - 1 && !safe.has(decodedQuery(pair.slice(0, equals)) ?? '');
    return hides ? `${pair.slice(0, equals + 1)}${REDACTED}` : pair;
  });
}

const HIDDEN = '…';

/** Its names alone: `id=…&…`. What has none may be a secret itself. */
export function queryNames(query: string): string {
  return shownQuery(query, (pair, equals) => {
    if (equals >= 0) return pair.slice(0, equals + 1) + HIDDEN;
    return pair === '' ? '' : HIDDEN;
  });
}
