/**
 * The filter language of lists and live requests: words, and terms with a name. What each name means is the business of who
 * asks (`understand`).
 *
 *     shop -host:intern code:5xx ms>200 frontend:"shop" "two words"
 *
 * All of them must hold; `-` turns one around. A quoted value is meant as it stands, any other one as a part of the text.
 */
import { nearestName } from '../../kernel/nearest.ts';
import { quoted } from '../../kernel/quote.ts';
import type { BadTerm } from '../admin/ui-api/shapes.ts';

export type Operator = ':' | '<' | '>';

export type Term = {
  /** As it was written: `text` stands from `from` to `to`. */
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly isNot: boolean;
  /** In lower case; '' for a word. */
  readonly name: string;
  readonly operator: Operator;
  readonly value: string;
  readonly isQuoted: boolean;
};

const LONGEST_QUERY = 1_000;
const MOST_TERMS = 32;
const NAME = /^-?[a-z0-9]+[:<>]/i;
const BLANK = /\s/;

/** Where the value that begins at `from` ends: behind its quotation mark, or before a blank. */
function endOf(query: string, from: number): number {
  if (query[from] === '"') {
    const end = query.indexOf('"', from + 1);
    return end < 0 ? query.length : end + 1;
  }
  let at = from;
  while (at < query.length && !BLANK.test(query[at])) at++;
  return at;
}

function termAt(query: string, from: number): Term {
  const named = NAME.exec(query.slice(from, from + 40))?.[0] ?? '';
  const isNot = query[from] === '-' && from + 1 < query.length && !BLANK.test(query[from + 1]);
  const valueFrom = from + (named === '' ? Number(isNot) : named.length);
  const to = endOf(query, valueFrom);
  const isQuoted = query[valueFrom] === '"';
  const raw = query.slice(valueFrom, to);
  return {
    text: query.slice(from, to),
    from,
    to,
    isNot,
    name: named.slice(Number(isNot), -1).toLowerCase(),
    operator: named === '' ? ':' : (named.at(-1) as Operator),
    value: isQuoted ? raw.slice(1, raw.endsWith('"') && raw.length > 1 ? -1 : undefined) : raw,
    isQuoted,
  };
}

/** What is too long or has too many terms is none: null. */
export function parseQuery(query: string): readonly Term[] | null {
  if (query.length > LONGEST_QUERY) return null;
  const terms: Term[] = [];
  for (let at = 0; at < query.length; ) {
    if (BLANK.test(query[at])) {
      at++;
      continue;
    }
    if (terms.length === MOST_TERMS) return null;
    const term = termAt(query, at);
    terms.push(term);
    at = term.to;
  }
  return terms;
}

/** What a term of that name means; a text: why it means nothing. */
export type Meaning<T> = (term: Term) => T | string;

export type Understood<T> = { readonly meant: readonly T[]; readonly bad: readonly BadTerm[] };

/** `meanings`: by name; that of words has the name ''. Where anything is bad, nothing matches. */
export function understand<T extends object>(
  query: string,
  meanings: Readonly<Record<string, Meaning<T>>>,
): Understood<T> {
  const terms = parseQuery(query);
  if (terms === null) {
    const why = `a filter has at most ${LONGEST_QUERY} characters and ${MOST_TERMS} terms`;
    return { meant: [], bad: [{ term: query.slice(0, LONGEST_QUERY), from: 0, to: query.length, why }] };
  }
  const meant: T[] = [];
  const bad: BadTerm[] = [];
  for (const term of terms) {
    const { text, from, to, name } = term;
    const meaning = Object.hasOwn(meanings, name) ? meanings[name](term) : unknownName(name, Object.keys(meanings));
    if (typeof meaning === 'string') bad.push({ term: text, from, to, why: meaning });
    else meant.push(meaning);
  }
  return { meant, bad };
}

function unknownName(name: string, all: readonly string[]): string {
  const known = all.filter((each) => each !== '');
  const near = nearestName(name, known);
  const hint = near === null ? `there is ${known.join(', ')}` : `do you mean ${near}?`;
  return `${quoted(name)} is none that is known here; ${hint}`;
}
