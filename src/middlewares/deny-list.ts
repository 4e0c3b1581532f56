/** Who may not ask: a deny list of addresses, before any allow list (shared/spec frontend-options §3.2). */
import { rangeProblem } from '../kernel/ip-ranges.ts';
import { type Kind, REJECTED } from './kind.ts';

export type DenyListOptions = {
  /** Addresses and CIDR ranges; at least one. */
  readonly sourceRange: readonly string[];
  /** Any address in X-Forwarded-For counts as well, of a peer that is believed. */
  readonly useXForwardedFor: boolean;
  /** 400 to 499. */
  readonly status: number;
};

export const DENY_LIST: Kind<DenyListOptions> = {
  name: 'denyList',
  protects: ['denylist'],
  keys: ['denylist/sourcerange', 'denylist/sourcerange/*', 'denylist/usexforwardedfor', 'denylist/status'],

  parse(keys) {
    const useXForwardedFor = keys.flag('denylist/usexforwardedfor');
    const status = keys.int('denylist/status', 403);
    const sourceRange = keys.filledList('denylist/sourcerange');
    if (sourceRange.length === 0) return null;
    const bad = sourceRange.map(rangeProblem).filter((problem) => problem !== '');
    if (bad.length > 0) keys.rejected('denylist/sourcerange', bad.join('; '));
    if (status < 400 || status > 499) keys.rejected('denylist/status', `${status} is not from 400 to 499`);
    return bad.length > 0 || status < 400 || status > 499 ? REJECTED : { sourceRange, useXForwardedFor, status };
  },

  show({ sourceRange, useXForwardedFor, status }) {
    return { sourceRange, ...(useXForwardedFor && { useXForwardedFor }), ...(status !== 403 && { status }) };
  },
};
