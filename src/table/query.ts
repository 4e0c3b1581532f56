/** Looks up a parameter of a query (shared/spec rules §3: Query). */
import { decodedQuery } from '../kernel/percent.ts';

/**
 * The first value of that name, decoded; null when there is none. What has an invalid escape is not there. `query`: as
 * received, without the `?`.
 * `&` and `;` both separate, as in Go 1.16.
 */
export function firstQueryValue(query: string, name: string): string | null {
  for (const pair of query.replaceAll(';', '&').split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (decodedQuery(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    const value = equals < 0 ? '' : decodedQuery(pair.slice(equals + 1));
    if (value !== null) return value;
  }
  return null;
}
