/** What a filter means for live requests. Names of durations and codes are those that lists have. */
import { quoted } from '../../kernel/quote.ts';
import type { NumberTest, TailFilter, TailNumber, TailText, TextTest } from '../../protocol/tails.ts';
import { type Meaning, type Term, type Understood, understand } from '../board/query.ts';

type Test = NumberTest | TextTest;

const LONGEST_TEXT = 200;

function text(of: TailText): Meaning<Test> {
  return ({ operator, value, isQuoted, isNot }) => {
    if (operator !== ':') return `it is a text: ${of === 'any' ? 'a word' : `${of}:…`}`;
    if (value === '' && !isQuoted) return 'there is nothing behind it';
    if (value.length > LONGEST_TEXT) return `it has more than ${LONGEST_TEXT} characters`;
    return { of, value: value.toLowerCase(), isWhole: isQuoted && of !== 'any', isNot };
  };
}

/** null for none. */
function numberIn(value: string): number | null {
  return /^\d{1,12}(?:\.\d{1,6})?$/.test(value) ? Number(value) : null;
}

function compared(of: TailNumber, { operator, value, isNot }: Term, number: number | null): Test | string {
  if (number === null) return `${quoted(value)} is no number`;
  if (operator === '>') return { of, over: number, under: Infinity, isNot };
  if (operator === '<') return { of, over: -Infinity, under: number, isNot };
  return { of, over: number - 0.5, under: number + 0.5, isNot };
}

function code(term: Term): Test | string {
  const { operator, value, isNot } = term;
  const [, digit] = /^([1-5])xx$/i.exec(value) ?? [];
  if (digit !== undefined && operator === ':') {
    return { of: 'code', over: Number(digit) * 100 - 1, under: Number(digit) * 100 + 100, isNot };
  }
  return /^\d{3}$/.test(value) ? compared('code', term, Number(value)) : 'write code:5xx, code:404 or code>499';
}

function duration(term: Term): Test | string {
  return term.operator === ':' ? 'write ms>200 or ms<5' : compared('ms', term, numberIn(term.value));
}

const MEANINGS: Readonly<Record<string, Meaning<Test>>> = {
  '': text('any'),
  host: text('host'),
  path: text('path'),
  frontend: text('frontend'),
  backend: text('backend'),
  server: text('server'),
  entrypoint: text('entrypoint'),
  method: text('method'),
  cause: text('cause'),
  ip: text('ip'),
  code,
  ms: duration,
  tries: (term) => compared('tries', term, numberIn(term.value)),
};

/** `meant` is the filter, where nothing is bad. */
export function tailFilter(query: string): Understood<TailFilter[number]> {
  return understand(query, MEANINGS);
}
