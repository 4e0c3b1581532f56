/** The keys of a backend's circuit breaker and of its limit per source (shared/spec kv-schema §3.1, §4.3, §4.4). */
import type { BreakerCondition } from '../kernel/breaker-condition.ts';
import { reasonOf } from '../kernel/errors.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { KNOWN_SOURCES, parseRequestSource, type RequestSource } from '../kernel/request-source.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readInt } from '../kernel/values.ts';
import { parseBreakerExpression } from '../rule/breaker-expression.ts';

const TEXTS = ['breakerExpression', 'maxConnAmount', 'maxConnExtractor'] as const;
export type ProtectionText = (typeof TEXTS)[number];

export function isProtection(field: string): field is ProtectionText {
  return (TEXTS as readonly string[]).includes(field);
}

/** Values by field; a key that is not there has none. */
export type ProtectionKeys = Partial<Record<ProtectionText, string>>;

export type CircuitBreakerConfig = { readonly expression: string; readonly condition: BreakerCondition };

export type MaxConn = RequestSource & {
  /** Requests in progress per source. 0: no limit; below 0: every request is refused. */
  readonly amount: number;
  /** As configured or its default. */
  readonly extractorFunc: string;
};

export type Protection = { readonly circuitBreaker?: CircuitBreakerConfig; readonly maxConn?: MaxConn };

const DEFAULT_EXTRACTOR = 'request.host';

/** null, here and below: it is wrong. */
function readBreaker(text: string, problems: ProblemList): Protection | null {
  if (text === '') return {};
  try {
    return { circuitBreaker: { expression: text, condition: parseBreakerExpression(text) } };
  } catch (error) {
    problems.add('circuitbreaker/expression', 'rejected', reasonOf(error));
    return null;
  }
}

function readMaxConn(keys: ProtectionKeys, problems: ProblemList): Protection | null {
  const { maxConnAmount: amountText = '' } = keys;
  const extractorFunc = unescapeValue(keys.maxConnExtractor ?? DEFAULT_EXTRACTOR);
  if (amountText === '') {
    if (keys.maxConnExtractor !== undefined) {
      problems.add('maxconn/extractorfunc', 'ignored', 'it does nothing without maxconn/amount');
    }
    return {};
  }
  if (!/^[+-]?[0-9]+$/.test(amountText)) {
    problems.add('maxconn/amount', 'ignored', `${quoted(amountText)} is not a whole number; there is no limit`);
    return {};
  }
  const { value: amount, problem } = readInt(amountText, 0);
  if (problem !== '') {
    problems.add('maxconn/amount', 'ignored', `${quoted(amountText)} does not fit into 64 bits; there is no limit`);
    return {};
  }
  if (extractorFunc === '') return {};
  const source = parseRequestSource(extractorFunc);
  if (source === null) {
    problems.add('maxconn/extractorfunc', 'rejected', `${quoted(extractorFunc)} is none of ${KNOWN_SOURCES}`);
    return null;
  }
  return { maxConn: { amount, extractorFunc, ...source } };
}

/** null: the backend must not be used, as in Traefik; a problem says why. */
export function readProtection(keys: ProtectionKeys, problems: ProblemList): Protection | null {
  const breaker = readBreaker(unescapeValue(keys.breakerExpression ?? ''), problems);
  const maxConn = readMaxConn(keys, problems);
  return breaker === null || maxConn === null ? null : { ...breaker, ...maxConn };
}
