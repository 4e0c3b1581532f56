/** Another backend that stands in for one that cannot serve (shared/spec frontend-options §3.7). */
import { quoted } from '../kernel/quote.ts';
import type { Kind, Known } from './kind.ts';
import { readBytes, readStatuses, shownStatuses } from './retry.ts';
import type { StatusRange } from './status-ranges.ts';

export type FailoverOptions = {
  readonly backend: string;
  /** Answers, of servers or ours, after which it is asked as well. */
  readonly status: readonly StatusRange[];
  /** A request with a longer body is not sent there for the status of its answer. */
  readonly maxRequestBodyBytes: number;
  /** Percent of the servers that must be up; 0: one of them. */
  readonly below: number;
};

/** Backends that may stand in one for the other. */
export const MAX_FAILOVERS = 4;
const DEFAULT_BODY = 1_048_576;
const BACKEND = 'failover/backend';

/** Why a chain that goes on with `next` cannot be followed, '' for no reason. */
function chainProblem(next: string, { backend: own, keyOf }: Known): string {
  const chain = [own];
  for (let at = next; at !== ''; at = keyOf(at, BACKEND)) {
    chain.push(at);
    const shown = chain.map(quoted).join(' → ');
    if (at === own) return `${shown} is a circle; there is no failover`;
    if (chain.length - 1 > MAX_FAILOVERS)
      return `${shown}: more than ${MAX_FAILOVERS}, one after the other; there is none`;
  }
  return '';
}

export const FAILOVER: Kind<FailoverOptions> = {
  name: 'failover',
  keys: [
    'failover/status/*',
    ...['backend', 'status', 'maxrequestbodybytes', 'below'].map((part) => `failover/${part}`),
  ],

  parse(keys, known) {
    const backend = keys.text(BACKEND);
    const status = readStatuses(keys, 'failover/status', 'it does not lead to the other backend');
    const maxRequestBodyBytes = readBytes(keys, 'failover/maxrequestbodybytes', DEFAULT_BODY);
    const below = keys.int('failover/below', 0);
    const isPercent = below >= 0 && below <= 100;
    if (!isPercent) keys.defaulted('failover/below', `${below} is not from 0 to 100; 0 is used`);
    const lack = backend === '' ? 'no backend is named' : known.backendLack(backend);
    const problem = lack === '' ? chainProblem(backend, known) : `${lack}; there is no failover`;
    if (problem !== '') {
      keys.ignored(BACKEND, problem);
      return null;
    }
    return { backend, status, maxRequestBodyBytes, below: isPercent ? below : 0 };
  },

  show(options) {
    const { backend, maxRequestBodyBytes, below } = options;
    return { backend, ...shownStatuses(options), maxRequestBodyBytes, ...(below > 0 && { below }) };
  },

  backends({ backend }) {
    return [backend];
  },
};
