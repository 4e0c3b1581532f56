/** Bodies that are read to their end before they go on, and requests that are sent once more (shared/spec frontend-options §2.7). */
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';
import { parseRetryExpression, type RetryCondition } from './retry-expression.ts';

/** Of a body that is kept in memory where nothing is said, bytes: multibuf's default, which 1.7 has for both. */
export const DEFAULT_MEMORY_BYTES = 1_048_576;

/** Bytes. `max…`: 0 for no limit; `mem…`: what of a body is kept in memory, 0 for DEFAULT_MEMORY_BYTES. The rest is on disk. */
export type BufferingOptions = {
  readonly maxRequestBodyBytes: number;
  readonly memRequestBodyBytes: number;
  readonly maxResponseBodyBytes: number;
  readonly memResponseBodyBytes: number;
  /** As written, '' for none. */
  readonly retryExpression: string;
  readonly retry: RetryCondition | null;
};

const SIZES = [
  'buffering/maxrequestbodybytes',
  'buffering/memrequestbodybytes',
  'buffering/maxresponsebodybytes',
  'buffering/memresponsebodybytes',
] as const;
const EXPRESSION = 'buffering/retryexpression';

function readSize(keys: OptionKeys, key: string): number {
  const size = keys.int(key, 0);
  if (size < 0) keys.rejected(key, `${size} is below 0`);
  return size;
}

function readRetry(keys: OptionKeys, text: string): RetryCondition | null {
  if (text === '') return null;
  try {
    return parseRetryExpression(text);
  } catch (error) {
    keys.ignored(EXPRESSION, `${quoted(text)}: ${reasonOf(error)}; nothing is sent once more`);
    return null;
  }
}

export const BUFFERING: Kind<BufferingOptions> = {
  name: 'buffering',
  keys: [...SIZES, EXPRESSION],

  parse(keys) {
    const [maxRequestBodyBytes, memRequestBodyBytes, maxResponseBodyBytes, memResponseBodyBytes] = SIZES.map((key) =>
      readSize(keys, key),
    );
    const retryExpression = keys.text(EXPRESSION);
    const sizes = { maxRequestBodyBytes, memRequestBodyBytes, maxResponseBodyBytes, memResponseBodyBytes };
    return { ...sizes, retryExpression, retry: readRetry(keys, retryExpression) };
  },

  show(options) {
    const { maxRequestBodyBytes, memRequestBodyBytes, maxResponseBodyBytes, memResponseBodyBytes, retryExpression } =
      options;
    return {
      ...(maxRequestBodyBytes !== 0 && { maxRequestBodyBytes }),
      ...(memRequestBodyBytes !== 0 && { memRequestBodyBytes }),
      ...(maxResponseBodyBytes !== 0 && { maxResponseBodyBytes }),
      ...(memResponseBodyBytes !== 0 && { memResponseBodyBytes }),
      ...(retryExpression !== '' && { retryExpression }),
    };
  },
};
