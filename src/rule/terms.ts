/**
 * What a rule comes down to: a list of match terms that must all hold (AND), each with alternatives (OR).
 * Alternatives that can never match (a path without a leading slash, an empty host) are left out, so the list of
 * alternatives may be empty: then the term matches nothing.
 * Source: shared/spec rules §1–§3. Later matchers and the modifiers get their own kinds here; the table has one
 * opcode per kind (src/table/layout.ts).
 */
export type MatchTerm =
  /** Exact canonical host: lower case, no port. */
  | { readonly kind: 'host'; readonly hosts: readonly string[] }
  /** Whole decoded path; a final slash may differ and then leads to a redirect (rules §7). */
  | { readonly kind: 'path'; readonly paths: readonly string[] }
  /** Plain string prefix of the decoded path, no word boundary. */
  | { readonly kind: 'pathPrefix'; readonly prefixes: readonly string[] }
  /** Upper-case methods. */
  | { readonly kind: 'method'; readonly methods: readonly string[] };
