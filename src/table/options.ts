/**
 * What a backend or a frontend asks for beyond what routing reads. It travels through the table as one JSON text per
 * object, since nothing looks at it before the object is used: the view parses it once per generation, and whoever asks
 * for nothing has null there.
 */
import type { Method, StickyOptions } from '../kernel/balancing-options.ts';
import type { BreakerCondition } from '../kernel/breaker-condition.ts';
import type { RequestSource } from '../kernel/request-source.ts';

/** Per backend: how its servers are chosen and protected. */
export interface BackendPolicy {
  /** Absent: `wrr`. */
  readonly method?: Exclude<Method, 'wrr'>;
  /** With `hash`: what it looks at, and the bound in percent of a server's share; 0: none. */
  readonly hash?: { readonly key: string; readonly bound: number };
  readonly sticky?: StickyOptions;
  /** Indexes of servers that get nothing new, but keep their sticky sessions. */
  readonly draining?: readonly number[];
  /** Indexes of servers that get requests only where no other can take them. */
  readonly suspects?: readonly number[];
  /** Failed tries in a row that eject a server, where it is not what the flag says; 0: never. */
  readonly ejectionFailures?: number;
  readonly breaker?: { readonly expression: string; readonly condition: BreakerCondition };
  readonly maxConn?: MaxConnPolicy;
  /** What its middlewares are told. */
  readonly options?: MiddlewareOptions;
}

/** So many requests in progress per client address, host, or value of a header. */
export type MaxConnPolicy = RequestSource & {
  /** Below 1: none at all. */
  readonly amount: number;
};

/** What middlewares are told, by the name of their kind. Nothing here knows them. */
export type MiddlewareOptions = Readonly<Record<string, object>>;

/** '' when nothing is asked for. */
export function optionsText(options: BackendPolicy | MiddlewareOptions | undefined): string {
  if (options === undefined) return '';
  const text = JSON.stringify(options);
  return text === '{}' ? '' : text;
}

/** null for ''. */
export function readOptions<Options>(text: string): Options | null {
  return text === '' ? null : (JSON.parse(text) as Options);
}
