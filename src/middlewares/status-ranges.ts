/** Lists of statuses: `500`, `500-599`, `5xx` (shared/spec frontend-options §2.6). */
import { quoted } from '../kernel/quote.ts';

/** From, to; both are in it. */
export type StatusRange = readonly [from: number, to: number];

const RANGE = /^(\d{1,9})(?:-(\d{1,9})(?:-.*)?)?$/;
const CLASS = /^([1-5])xx$/i;

/** The ranges, or what is wrong with an item. */
export function readStatusRanges(items: readonly string[]): readonly StatusRange[] | string {
  const ranges: StatusRange[] = [];
  for (const item of items) {
    const hundred = CLASS.exec(item);
    const range = RANGE.exec(item);
    if (hundred !== null) ranges.push([Number(hundred[1]) * 100, Number(hundred[1]) * 100 + 99]);
    else if (range !== null) ranges.push([Number(range[1]), Number(range[2] ?? range[1])]);
    else return `${quoted(item)} is no status and no range like 500-599`;
  }
  return ranges;
}

export function hasStatus(ranges: readonly StatusRange[], status: number): boolean {
  for (const [from, to] of ranges) if (status >= from && status <= to) return true;
  return false;
}
