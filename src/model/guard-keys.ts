/** The keys of the guard against mass removal (docs/memory.md): `guard/removal`, `guard/grace`, `guard/confirm`. */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import { parseShare } from '../kernel/share.ts';

export const GUARD_REMOVAL = 'guard/removal';
export const GUARD_GRACE = 'guard/grace';
export const GUARD_CONFIRM = 'guard/confirm';

/** Why it does not do what it was written for, '' when it does. `key`: below `guard/`. */
export function guardKeyProblem(key: string, value: string): string {
  switch (key) {
    case GUARD_REMOVAL:
      return parseShare(value) === null ? `${quoted(value)} is no share from 0% to 100%: as without it` : '';
    case GUARD_GRACE:
      return parseDuration(value) === null ? `${quoted(value)} is no duration: as without it` : '';
    case GUARD_CONFIRM:
      return '';
    default:
      return `it is none of ${GUARD_REMOVAL}, ${GUARD_GRACE} and ${GUARD_CONFIRM}`;
  }
}
