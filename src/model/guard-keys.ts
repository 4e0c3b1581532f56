/** The keys of the guard against mass removal (docs/memory.md): `guard/removal`, `guard/grace`, `guard/confirm`, `guard/suspect`. */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import { parseShare } from '../kernel/share.ts';

export const GUARD_REMOVAL = 'guard/removal';
export const GUARD_GRACE = 'guard/grace';
export const GUARD_CONFIRM = 'guard/confirm';
export const GUARD_SUSPECT = 'guard/suspect';

/** Why it does not do what it was written for, '' when it does. `key`: below `guard/`. */
export function guardKeyProblem(key: string, value: string): string {
  switch (key) {
    case GUARD_REMOVAL:
      return parseShare(value) === null ? `${quoted(value)} is no share from 0% to 100%: as without it` : '';
    case GUARD_GRACE:
    case GUARD_SUSPECT:
      return parseDuration(value) === null ? `${quoted(value)} is no duration: as without it` : '';
    case GUARD_CONFIRM:
      return '';
    default:
      return `it is none of ${GUARD_REMOVAL}, ${GUARD_GRACE}, ${GUARD_CONFIRM} and ${GUARD_SUSPECT}`;
  }
}
