/** Looks up a parameter of a query (shared/spec rules §3: Query). */
import { decodedQuery } from '../kernel/percent.ts';

/** `&` and `;` both separate, as in Go 1.16. */
const SEPARATOR = /[&;]/;

/**
 * The first value of that name, decoded; null when there is none. What has an invalid escape is not there. `query`: as
 * received, without the `?`.
 */
export function firstQueryValue(query: string, name: string): string | null {
  for (const pair of query.split(SEPARATOR)) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (decodedQuery(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    const value = equals < 0 ? '' : decodedQuery(pair.slice(equals + 1));
    if (value !== null) return value;
  }
  return null;
}
