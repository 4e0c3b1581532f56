/**
 * The meaning of match terms, written as plainly as possible and with no eye on speed: what the compiled table is
 * compared with. Patterns are tried by JavaScript's own engine, so that they must mean the same there.
 * Source: shared/spec rules §2, §3, §7.
 */
import type { MatchTerm, Template } from '../../src/rule/terms.ts';

export type NaiveRequest = {
  /** As received. */
  readonly rawHost: string;
  /** Canonical: lower case, no port. */
  readonly host: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly method: string;
  /** Lower-case name and value, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Decoded name and value, in order. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
};

/** `redirect`: matched, but the answer is a 301 to the same path with its final slash added or removed. */
export type NaiveResult = 'no' | 'yes' | 'redirect';

function whether(condition: boolean): NaiveResult {
  return condition ? 'yes' : 'no';
}

function slashResult(path: string, endsInSlash: boolean): NaiveResult {
  return path === '/' || path.endsWith('/') === endsInSlash ? 'yes' : 'redirect';
}

function matchPath(paths: readonly string[], path: string, keepTrailingSlash: boolean): NaiveResult {
  for (const literal of paths) {
    if (!literal.startsWith('/')) continue;
    if (keepTrailingSlash) {
      if (path === literal) return 'yes';
      continue;
    }
    const slashless = literal.endsWith('/') ? literal.slice(0, -1) : literal;
    if (path === slashless || path === `${slashless}/`) return slashResult(path, literal.endsWith('/'));
  }
  return 'no';
}

function matchPathTemplate(templates: readonly Template[], path: string, keepTrailingSlash: boolean): NaiveResult {
  for (const { pattern, suffix } of templates) {
    if (!new RegExp(`^${pattern}${keepTrailingSlash ? suffix : '/?'}$`, 'us').test(path)) continue;
    return slashResult(path, suffix === '/');
  }
  return 'no';
}

function matchTerm(term: MatchTerm, request: NaiveRequest, keepTrailingSlash: boolean): NaiveResult {
  switch (term.kind) {
    case 'host':
      return whether(request.host !== '' && term.hosts.includes(request.host));
    case 'hostTemplate': {
      const host = request.rawHost.split(':', 1)[0];
      return whether(term.templates.some(({ pattern }) => new RegExp(`^${pattern}$`, 'iu').test(host)));
    }
    case 'path':
      return matchPath(term.paths, request.path, keepTrailingSlash);
    case 'pathTemplate':
      return matchPathTemplate(term.templates, request.path, keepTrailingSlash);
    case 'pathPrefix':
      return whether(term.prefixes.some((prefix) => prefix.startsWith('/') && request.path.startsWith(prefix)));
    case 'pathPrefixTemplate':
      return whether(term.templates.some(({ pattern }) => new RegExp(`^${pattern}`, 'u').test(request.path)));
    case 'method':
      return whether(term.methods.includes(request.method));
    case 'header':
      return whether(request.fields.some(([name, value]) => name === term.name && [value, ''].includes(term.value)));
    case 'headerRegexp': {
      const pattern = new RegExp(term.pattern, 'u');
      return whether(request.fields.some(([name, value]) => name === term.name && pattern.test(value)));
    }
    case 'query': {
      const first = request.parameters.find(([name]) => name === term.name);
      return whether(first !== undefined && [first[1], ''].includes(term.value));
    }
    case 'queryTemplate': {
      const first = request.parameters.find(([name]) => name === term.name);
      return whether(first !== undefined && new RegExp(`^${term.pattern}$`, 'u').test(first.join('=')));
    }
  }
}

/** All terms must match; one that wants a redirect makes the whole match a redirect. */
export function naiveMatch(terms: readonly MatchTerm[], request: NaiveRequest, keepTrailingSlash = false): NaiveResult {
  const results = terms.map((term) => matchTerm(term, request, keepTrailingSlash));
  if (results.includes('no')) return 'no';
  return results.includes('redirect') ? 'redirect' : 'yes';
}
