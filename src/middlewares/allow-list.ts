/** Who may ask at all: an allow list of addresses (shared/spec kv-schema §6.3). */
import type { WhiteListOptions } from '../kernel/entrypoint-options.ts';
import { rangeProblem } from '../kernel/ip-ranges.ts';
import { type Kind, REJECTED } from './kind.ts';

export const ALLOW_LIST: Kind<WhiteListOptions> = {
  name: 'whiteList',
  protects: ['whitelist'],
  keys: ['whitelist/sourcerange', 'whitelist/sourcerange/*', 'whitelist/usexforwardedfor'],

  parse(keys) {
    const useXForwardedFor = keys.flag('whitelist/usexforwardedfor');
    const sourceRange = keys.filledList('whitelist/sourcerange');
    if (sourceRange.length === 0) return null;
    const bad = sourceRange.map(rangeProblem).filter((problem) => problem !== '');
    if (bad.length === 0) return { sourceRange, useXForwardedFor };
    keys.rejected('whitelist/sourcerange', bad.join('; '));
    return REJECTED;
  },

  show({ sourceRange, useXForwardedFor }) {
    return useXForwardedFor ? { sourceRange, useXForwardedFor } : { sourceRange };
  },
};
