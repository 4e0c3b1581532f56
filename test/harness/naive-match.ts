/**
 * The meaning of match terms, written as plainly as possible and with no eye on speed: what the compiled table is
 * compared with. Source: shared/spec rules §2, §3, §7.
 */
import type { MatchTerm } from '../../src/rule/terms.ts';

export type NaiveRequest = {
  /** Canonical: lower case, no port. */
  readonly host: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly method: string;
};

/** `redirect`: matched, but the answer is a 301 to the same path with its final slash added or removed. */
export type NaiveResult = 'no' | 'yes' | 'redirect';

function matchPath(paths: readonly string[], path: string, keepTrailingSlash: boolean): NaiveResult {
  for (const literal of paths) {
    if (!literal.startsWith('/')) continue;
    if (keepTrailingSlash) {
      if (path === literal) return 'yes';
      continue;
    }
    const slashless = literal.endsWith('/') ? literal.slice(0, -1) : literal;
    if (path === slashless || path === `${slashless}/`) {
      return path.endsWith('/') === literal.endsWith('/') ? 'yes' : 'redirect';
    }
  }
  return 'no';
}

function matchTerm(term: MatchTerm, request: NaiveRequest, keepTrailingSlash: boolean): NaiveResult {
  switch (term.kind) {
    case 'host':
      return request.host !== '' && term.hosts.includes(request.host) ? 'yes' : 'no';
    case 'path':
      return matchPath(term.paths, request.path, keepTrailingSlash);
    case 'pathPrefix':
      return term.prefixes.some((prefix) => prefix.startsWith('/') && request.path.startsWith(prefix)) ? 'yes' : 'no';
    case 'method':
      return term.methods.includes(request.method) ? 'yes' : 'no';
  }
}

/** All terms must match; one that wants a redirect makes the whole match a redirect. */
export function naiveMatch(terms: readonly MatchTerm[], request: NaiveRequest, keepTrailingSlash = false): NaiveResult {
  const results = terms.map((term) => matchTerm(term, request, keepTrailingSlash));
  if (results.includes('no')) return 'no';
  return results.includes('redirect') ? 'redirect' : 'yes';
}
