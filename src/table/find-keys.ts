/**
 * What a frontend is found by: hosts, or literal ends of host templates, and the literal beginnings of its paths. All are
 * necessary conditions only; its program decides.
 */
import type { MatchTerm } from '../rule/terms.ts';
import { HASH_PATH, HASH_PREFIX, HASH_SUFFIX, hashOf } from './hash.ts';

/** What a frontend is found by in a path index: alternatives of one of its terms. Null: it must be walked. */
type PathKey = { readonly what: number; readonly texts: readonly string[] };

/** Alternatives that can match at all: the spec lets a path without a leading slash stand, but it never matches. */
export function liveAlternatives(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text.startsWith('/'));
}

/** Hosts that satisfy every host term; null when there is no such term. */
function hostsOf(terms: readonly MatchTerm[]): readonly string[] | null {
  const named = terms.filter((term) => term.kind === 'host');
  if (named.length === 0) return null;
  const [{ hosts }, ...others] = named;
  return others.length === 0 ? hosts : hosts.filter((host) => others.every((other) => other.hosts.includes(host)));
}

function shortest(texts: readonly string[]): number {
  let length = Number.POSITIVE_INFINITY;
  for (const text of texts) length = Math.min(length, text.length);
  return length;
}

/**
 * Suffixes, in lower case, one of which every host has that satisfies some host template; null when there is no such
 * term. Beyond ASCII, letters may be equal in other ways than by lower case.
 */
function suffixesOf(terms: readonly MatchTerm[]): readonly string[] | null {
  for (const term of terms) {
    if (term.kind !== 'hostTemplate') continue;
    const suffixes = term.templates.map(({ suffix }) => suffix.toLowerCase());
    if (suffixes.every((suffix) => /^[\x21-\x7e]+$/.test(suffix))) return suffixes;
  }
  return null;
}

/** Prefixes, one of which every path has that satisfies the term; null when it is no condition on the path. */
function prefixesOf(term: MatchTerm): readonly string[] | null {
  if (term.kind === 'pathPrefix') return liveAlternatives(term.prefixes);
  if (term.kind === 'pathTemplate' || term.kind === 'pathPrefixTemplate') {
    return term.templates.map(({ prefix }) => prefix);
  }
  return null;
}

/** A whole path tells most, else the term whose shortest prefix is the longest. */
function pathKeyOf(terms: readonly MatchTerm[]): PathKey | null {
  let best: PathKey | null = null;
  for (const term of terms) {
    if (term.kind === 'path') return { what: HASH_PATH, texts: liveAlternatives(term.paths) };
    const texts = prefixesOf(term);
    if (texts === null) continue;
    if (best === null || shortest(texts) > shortest(best.texts)) best = { what: HASH_PREFIX, texts };
  }
  return best;
}

/** The hash of a text, and the length of its bytes; 0 for a whole path, which is found by all of it. */
export type HashKey = { readonly hash: number; readonly length: number };

export type FindKeys = {
  /** Exact hosts; null: it names none. */
  readonly hosts: readonly string[] | null;
  /** Ends of hosts, for one that names no host; null: it must be tried for every host. */
  readonly suffixes: readonly HashKey[] | null;
  /** Whole paths and beginnings of paths; null: it must be tried for every path. */
  readonly paths: readonly HashKey[] | null;
};

function suffixKey(suffix: string): HashKey {
  const reversed = Buffer.from(suffix).reverse();
  return { hash: hashOf(reversed, 0, reversed.length, HASH_SUFFIX), length: reversed.length };
}

function pathKey(what: number, text: string): HashKey {
  const bytes = Buffer.from(text);
  // A path is found with and without a final slash (shared/spec rules §7); its program knows which one was meant.
  const slash = what === HASH_PATH && text.endsWith('/') ? 1 : 0;
  return {
    hash: hashOf(bytes, 0, bytes.length - slash, what),
    length: what === HASH_PREFIX ? bytes.length : 0,
  };
}

export function findKeysOf(terms: readonly MatchTerm[]): FindKeys {
  const hosts = hostsOf(terms);
  const paths = pathKeyOf(terms);
  return {
    // A request without a host matches no Host rule (shared/spec rules §3).
    hosts: hosts === null ? null : [...new Set(hosts)].filter((host) => host !== ''),
    suffixes: hosts === null ? (suffixesOf(terms)?.map(suffixKey) ?? null) : null,
    paths: paths === null ? null : paths.texts.map((text) => pathKey(paths.what, text)),
  };
}
