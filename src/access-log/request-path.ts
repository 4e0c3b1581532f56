/** Path and query of a request as Traefik logs them (shared/spec logs §1.1): before any modifier. */
import { requestUri } from '../http/request-target.ts';
import { decodedPath, encodedPath, isEncodedPath } from '../kernel/percent.ts';

/** The path as it was sent where it is a valid encoding of itself, else encoded anew; the query raw, or none. '' for ''. */
export function requestPath(target: string, keepsQuery: boolean): string {
  if (target === '' || target === '*') return target;
  const uri = requestUri(target);
  const mark = uri.indexOf('?');
  const path = mark < 0 ? uri : uri.slice(0, mark);
  const query = mark < 0 || !keepsQuery ? '' : uri.slice(mark);
  if (isEncodedPath(path)) return query === '' ? path : path + query;
  const decoded = decodedPath(path);
  return (decoded === null ? path : encodedPath(decoded)) + query;
}
