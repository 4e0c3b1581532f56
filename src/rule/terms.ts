/**
 * What the rules of a frontend come down to: match terms that must all hold (AND), and how the path of a matching
 * request is modified. Alternatives that can never match (a path without a leading slash, an empty host) are left out,
 * so the list of alternatives may be empty: then the term matches nothing.
 * Source: shared/spec rules §1–§5. The table has one opcode per kind (src/table/layout.ts).
 */

/** A text with variables. Patterns are RE2 and have no anchors; without a variable all of it is the prefix. */
export type Template = {
  readonly pattern: string;
  /** Literal text before the first variable: what does not begin with it cannot match. */
  readonly prefix: string;
  /** Literal text behind the last variable. */
  readonly suffix: string;
};

export type MatchTerm =
  /** Exact canonical host: lower case, no port. */
  | { readonly kind: 'host'; readonly hosts: readonly string[] }
  /** Whole host up to its first colon, in any case. */
  | { readonly kind: 'hostTemplate'; readonly templates: readonly Template[] }
  /** Whole decoded path; a final slash may differ and then leads to a redirect (rules §7). */
  | { readonly kind: 'path'; readonly paths: readonly string[] }
  /** As `path`; the final slash is not part of `pattern` and `prefix`, and `suffix` is that slash or ''. */
  | { readonly kind: 'pathTemplate'; readonly templates: readonly Template[] }
  /** Plain string prefix of the decoded path, no word boundary. */
  | { readonly kind: 'pathPrefix'; readonly prefixes: readonly string[] }
  /** Start of the decoded path. */
  | { readonly kind: 'pathPrefixTemplate'; readonly templates: readonly Template[] }
  /** Upper-case methods. */
  | { readonly kind: 'method'; readonly methods: readonly string[] }
  /** A field, by its lower-case name, one value of which is that; '': any value. */
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  /** A field, by its lower-case name, one value of which has a match of that pattern. */
  | { readonly kind: 'headerRegexp'; readonly name: string; readonly pattern: string }
  /** A parameter of the query whose first value is that; '': any value. */
  | { readonly kind: 'query'; readonly name: string; readonly value: string }
  /** A parameter of the query; the whole of `name=value`, with its first value, matches the pattern (no anchors). */
  | { readonly kind: 'queryTemplate'; readonly name: string; readonly pattern: string };

/** Applied in this order; null or '' where nothing is to be done (rules §4). */
export type PathModifiers = {
  /** Patterns from `^`: what the first that matches has matched is cut off; 404 when none does. Longest template first. */
  readonly stripTemplates: readonly string[] | null;
  /** The first that is a prefix of the path is cut off; 404 when none is. Longest first. */
  readonly stripPrefixes: readonly string[] | null;
  readonly addPrefix: string;
  /** `replacement` as in Go's `Regexp.Expand`. */
  readonly replacePathRegex: { readonly pattern: string; readonly replacement: string } | null;
  readonly replacePath: string;
};
