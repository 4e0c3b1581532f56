/** How long a target and the bodies of a frontend may be; nothing is held for it (shared/spec frontend-options §3.3). */
import { quoted } from '../kernel/quote.ts';
import { type Kind, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** Bytes; 0: no limit. */
export type LimitsOptions = {
  readonly maxRequestBodyBytes: number;
  readonly maxResponseBodyBytes: number;
  readonly maxTargetBytes: number;
};

const KEYS = ['limits/maxrequestbodybytes', 'limits/maxresponsebodybytes', 'limits/maxtargetbytes'] as const;

/** null: it is no limit, and a problem says why. */
function readLimit(keys: OptionKeys, key: string): number | null {
  const text = keys.text(key);
  if (text === '') return 0;
  if (/^\+?[0-9]{1,15}$/.test(text)) return Number(text);
  keys.rejected(key, `${quoted(text)} is no number of bytes`);
  return null;
}

export const LIMITS: Kind<LimitsOptions> = {
  name: 'limits',
  protects: ['limits'],
  keys: KEYS,

  parse(keys) {
    const [request, response, target] = KEYS.map((key) => readLimit(keys, key));
    if (request === null || response === null || target === null) return REJECTED;
    if (request === 0 && response === 0 && target === 0) return null;
    return { maxRequestBodyBytes: request, maxResponseBodyBytes: response, maxTargetBytes: target };
  },

  show({ maxRequestBodyBytes, maxResponseBodyBytes, maxTargetBytes }) {
    return { maxRequestBodyBytes, maxResponseBodyBytes, maxTargetBytes };
  },
};
