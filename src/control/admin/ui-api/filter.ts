/** What the terms of a filter (src/control/board/query.ts) mean in a list: a table of its fields makes a test of rows. */
import { type Meaning, type Term, understand } from '../../board/query.ts';
import type { BadTerm } from './shapes.ts';

export type FieldTable<T> = {
  /** Whether one of the texts that words are looked for in has `word`, which is in lower case. */
  readonly hasWord: (row: T, word: string) => boolean;
  /** `values`: those that there are, where not any. `test` gets the value in lower case. */
  readonly terms: Readonly<
    Record<string, { readonly values?: readonly string[]; readonly test: (row: T, value: string) => boolean }>
  >;
  /** For `<` and `>`; null is neither. */
  readonly numbers: Readonly<Record<string, (row: T) => number | null>>;
};

export type Filter<T> = { readonly matches: (row: T) => boolean; readonly bad: readonly BadTerm[] };

/** `word`: in lower case. */
export function isIn(text: string, word: string): boolean {
  return text.toLowerCase().includes(word);
}

type Test<T> = (row: T) => boolean;

const NUMBER = /^\d+(?:\.\d+)?$/;

function wordMeaning<T>(table: FieldTable<T>): Meaning<Test<T>> {
  return ({ value }) => {
    const word = value.toLowerCase();
    return (row) => table.hasWord(row, word);
  };
}

/** The name of a URL's scheme is none of a term. */
function urlMeaning<T>(table: FieldTable<T>): Meaning<Test<T>> {
  return ({ text, isNot }) => {
    const word = text.slice(Number(isNot)).toLowerCase();
    return (row) => table.hasWord(row, word);
  };
}

function termMeaning<T>(name: string, { values, test }: FieldTable<T>['terms'][string]): Meaning<Test<T>> {
  return ({ operator, value: written }) => {
    if (operator !== ':') return `${name} is no number: write ${name}:`;
    const value = written.toLowerCase();
    if (value === '') return `${name}: needs a value${values === undefined ? '' : `: ${values.join(', ')}`}`;
    if (values !== undefined && !values.includes(value)) return `${name}: is one of ${values.join(', ')}`;
    return (row) => test(row, value);
  };
}

function numberMeaning<T>(name: string, read: (row: T) => number | null): Meaning<Test<T>> {
  return ({ operator, value }) => {
    if (operator === ':') return `${name} is a number: write ${name}> or ${name}<`;
    if (!NUMBER.test(value)) return `${name}${operator} needs a number`;
    const bound = Number(value);
    return (row) => {
      const number = read(row);
      if (number === null) return false;
      return operator === '>' ? number > bound : number < bound;
    };
  };
}

function turned<T>(meaning: Meaning<Test<T>>): Meaning<Test<T>> {
  return (term: Term) => {
    const test = meaning(term);
    return typeof test === 'string' || !term.isNot ? test : (row: T) => !test(row);
  };
}

export function filterOf<T>(q: string, table: FieldTable<T>): Filter<T> {
  const meanings: Record<string, Meaning<Test<T>>> = { '': wordMeaning(table) };
  for (const [name, term] of Object.entries(table.terms)) meanings[name] = termMeaning(name, term);
  for (const [name, read] of Object.entries(table.numbers)) meanings[name] = numberMeaning(name, read);
  // What is asked for an unknown name lists all others, but not these.
  if (/\bhttps?:\/\//i.test(q)) for (const scheme of ['http', 'https']) meanings[scheme] = urlMeaning(table);
  for (const name of Object.keys(meanings)) meanings[name] = turned(meanings[name]);
  const { meant, bad } = understand(q, meanings);
  return bad.length > 0 ? { matches: () => false, bad } : { matches: (row) => meant.every((test) => test(row)), bad };
}
