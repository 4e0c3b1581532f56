/**
 * The condition of a circuit breaker: plain data, made of its expression by src/rule/breaker-expression.ts, carried by
 * the table, and evaluated by the workers. Source: shared/spec kv-schema §4.4.
 */

export const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** Status codes from `from` to below `to`. */
export type StatusRange = { readonly from: number; readonly to: number };

export type BreakerMetric =
  /** Responses with status 502 or 504, as a part of all; 0 when there is none. */
  | { readonly kind: 'networkErrorRatio' }
  /** Responses in `counted` divided by those in `base`; 0 when there is none in `base`. */
  | { readonly kind: 'responseCodeRatio'; readonly counted: StatusRange; readonly base: StatusRange }
  /** Whole milliseconds. `quantile` in percent. */
  | { readonly kind: 'latencyAtQuantile'; readonly quantile: number };

export type BreakerCondition =
  | { readonly op: '&&' | '||'; readonly left: BreakerCondition; readonly right: BreakerCondition }
  | { readonly op: Comparison; readonly metric: BreakerMetric; readonly value: number };

/** All metrics of a condition, in the order of the expression. */
export function metricsOf(condition: BreakerCondition): BreakerMetric[] {
  return 'metric' in condition ? [condition.metric] : [...metricsOf(condition.left), ...metricsOf(condition.right)];
}
