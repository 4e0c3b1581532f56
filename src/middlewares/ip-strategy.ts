/** Whose address counts behind proxies, for lists, limits and hashing (shared/spec frontend-options §3.9). */
import { rangeProblem } from '../kernel/ip-ranges.ts';
import { type Kind, REJECTED } from './kind.ts';

/** One of the two. */
export type IpStrategyOptions = {
  /** The nth address of X-Forwarded-For from the right; 0: not by depth. */
  readonly depth: number;
  /** The last address of X-Forwarded-For that is in none of these. */
  readonly excludedIPs: readonly string[];
};

const MAX_DEPTH = 100;

export const IP_STRATEGY: Kind<IpStrategyOptions> = {
  name: 'ipStrategy',
  protects: ['ipstrategy'],
  keys: ['ipstrategy/depth', 'ipstrategy/excludedips', 'ipstrategy/excludedips/*'],

  parse(keys) {
    const text = keys.text('ipstrategy/depth');
    const depth = text === '' ? 0 : Number(text);
    const excludedIPs = keys.filledList('ipstrategy/excludedips');
    const bad = excludedIPs.map(rangeProblem).filter((problem) => problem !== '');
    if (!Number.isInteger(depth) || depth < 0 || depth > MAX_DEPTH) {
      keys.rejected('ipstrategy/depth', `it must be a whole number from 0 to ${MAX_DEPTH}`);
      return REJECTED;
    }
    if (bad.length > 0) {
      keys.rejected('ipstrategy/excludedips', bad.join('; '));
      return REJECTED;
    }
    if (depth > 0 && excludedIPs.length > 0) {
      keys.rejected('ipstrategy/depth', 'either depth or excludedips says who the client is, not both');
      return REJECTED;
    }
    return depth === 0 && excludedIPs.length === 0 ? null : { depth, excludedIPs };
  },

  show({ depth, excludedIPs }) {
    return depth > 0 ? { depth } : { excludedIPs };
  },
};
