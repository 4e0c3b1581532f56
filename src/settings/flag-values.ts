/** Reads the text behind a flag according to the kind of its row (shared/spec cli-api §1.3). */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import type { Row, RowKind } from './row.ts';

const TRUE_TEXTS = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE_TEXTS = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** Go's spellings of a boolean; null for anything else. */
export function parseBoolean(text: string): boolean | null {
  if (TRUE_TEXTS.has(text)) return true;
  return FALSE_TEXTS.has(text) ? false : null;
}

/** A whole number from 0 on; `0x` and a leading `0` are bases as in Go. null for anything else. */
export function parseInteger(text: string): number | null {
  const digits = text.replace(/^\+/, '');
  let value = Number.NaN;
  if (/^0[0-7]+$/.test(digits)) value = Number.parseInt(digits, 8);
  else if (/^([1-9][0-9]*|0|0[xX][0-9a-fA-F]+)$/.test(digits)) value = Number(digits);
  return Number.isSafeInteger(value) ? value : null;
}

/** The items between the commas, trimmed; empty ones are dropped. */
export function parseList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Is a flag of this kind complete without a value? */
export function standsAlone(kind: RowKind): boolean {
  return kind === 'section' || kind === 'boolean' || kind === 'any';
}

/** Why the text cannot be a value of this row; '' when it can. */
export function problemOf(row: Row, text: string): string {
  switch (row.kind) {
    case 'section':
    case 'boolean':
      return parseBoolean(text) === null ? `${quoted(text)} is neither true nor false` : '';
    case 'integer':
      return parseInteger(text) === null ? `${quoted(text)} is not a whole number from 0 on` : '';
    case 'duration':
      if (parseDuration(text) !== null) return '';
      return `${quoted(text)} is not a duration: write seconds (10) or units (100ms, 1m30s, 1.5h)`;
    default:
      return '';
  }
}

/** Do both texts say the same? Both must be values of this row. */
export function sameValue(row: Row, one: string, other: string): boolean {
  switch (row.kind) {
    case 'section':
    case 'boolean':
      return parseBoolean(one) === parseBoolean(other);
    case 'integer':
      return parseInteger(one) === parseInteger(other);
    case 'duration':
      return parseDuration(one) === parseDuration(other);
    case 'any':
      return false;
    default:
      return one === other;
  }
}
