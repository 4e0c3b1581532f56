/**
 * What rules say that cannot be meant: texts that are compared as they stand, where their author thinks of something else,
 * and terms that never hold together (shared/spec rules §2, §3). The rule stays in force as it is specified.
 */
import { isIPv6 } from 'node:net';
import type { MatchTerm } from './terms.ts';

/** Pattern of an argument → what to tell of it. */
type Slip = readonly [pattern: { test(arg: string): boolean }, reason: string];

/** An IPv6 address, in which all groups are written, or `[v1.a]`, a kind that is yet to come; a request has brackets around either. */
function isAddress(arg: string): boolean {
  const address = arg.startsWith('[') && arg.endsWith(']') ? arg.slice(1, -1) : arg;
  return isIPv6(address) || /^v[0-9a-f]+\./i.test(address);
}

const NO_HOST = { test: (arg: string): boolean => /[:[\]]/.test(arg) && !isAddress(arg) };

const HOST: readonly Slip[] = [
  [/:\/\//, 'never matches: hosts are compared without a scheme'],
  [/\//, 'never matches: there is no path in a host, use Path or PathPrefix'],
  [/\s/, 'never matches: alternatives stand between commas, and no host has a blank in it'],
  [/^[^:[\]]+:\d+$|\]:/, 'never matches: hosts are compared without their port'],
  [NO_HOST, 'never matches: it is neither a name nor an address'],
  [/[^\0-\x7f]/, 'never matches: clients write such a name in ASCII, as xn--…'],
  [/\.$/, 'is compared as it stands: a request for the name without the dot at its end does not match'],
  [/^\.|\*/, 'is compared as it stands: for every name below a domain write HostRegexp:{name:.+}.example.com'],
];

const HOST_TEMPLATE: readonly Slip[] = [
  [/^[^{}]*[\\^$*+?()|[\]]/, 'is compared as it stands: a regular expression stands in braces, {name:a|b}'],
  [/^[^{}]*:\/\//, 'never matches: hosts are compared without a scheme'],
  [/^[^{}]*:|\}:\d+$|\{[^{}:]*:[^{}]*:\d+\$?\}$/, 'never matches: hosts are compared without their port'],
  [/^[^{}]*[^\0-\x7f]/, 'never matches: clients write such a name in ASCII, as xn--…'],
];

const PATH: readonly Slip[] = [
  [/^[^{}]*\?/, 'is compared with the path alone, where no query is: use Query'],
  [/\\\?|\[\?\]/, 'is compared with the path alone, where no query is: use Query'],
  [/^[^{}]*\s\//, 'is compared as one path with a blank in it: alternatives stand between commas'],
  [/^[^{}]*:\/\//, 'never matches: there is no scheme and no host in a path, use Host'],
  [/^[^{}]*#/, 'is compared as it stands, and clients send nothing behind a #'],
  [/^[^{}]*\/\.\.?(?:\/|$)/, 'is compared as it stands, and clients take . and .. out of a path'],
  [/^[^{}]*\*/, 'is compared as it stands: use PathPrefix for all below a path, or {name:.*} for any text'],
  [/^[^{}]*%[0-9a-f]{2}/i, 'is compared with the decoded path: write the characters themselves'],
];

const METHOD: readonly Slip[] = [
  [/[^!#$%&'*+.^_`|~0-9A-Za-z-]/, 'never matches: no method has such a name'],
  [/\|/, 'is compared as it stands: alternatives stand between commas'],
];

const SLIPS: ReadonlyMap<string, readonly Slip[]> = new Map([
  ['Host', HOST],
  ['HostRegexp', HOST_TEMPLATE],
  ['Method', METHOD],
  ...['Path', 'PathStrip', 'PathStripRegex', 'PathPrefix', 'PathPrefixStrip', 'PathPrefixStripRegex'].map(
    (name) => [name, PATH] as const,
  ),
]);

/** What to tell of colons in a row, which are one in the arguments of this function. */
export function lostColons(name: string): string {
  const consequence = name === 'Host' ? ', so that no IPv6 address with :: can be written' : '';
  return `${name}: colons in a row count as one${consequence}`;
}

/** What to tell of an argument of this function, '' for nothing. */
export function slipOf(name: string, arg: string): string {
  return SLIPS.get(name)?.find(([pattern]) => pattern.test(arg))?.[1] ?? '';
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Is there a path that matches one of each? A final slash of an exact path may be there or not. */
function isPathBelow(path: string, prefix: string): boolean {
  return `${withoutSlash(path)}/`.startsWith(prefix);
}

/** Can no request meet both? Only where that is certain. */
function exclude(one: MatchTerm, other: MatchTerm): boolean {
  if (one.kind === 'host' && other.kind === 'host') return !one.hosts.some((host) => other.hosts.includes(host));
  if (one.kind === 'method' && other.kind === 'method') {
    return !one.methods.some((method) => other.methods.includes(method));
  }
  if (one.kind === 'path' && other.kind === 'path') {
    const paths = new Set(other.paths.map(withoutSlash));
    return !one.paths.some((path) => paths.has(withoutSlash(path)));
  }
  if (one.kind === 'path' && other.kind === 'pathPrefix') {
    return !one.paths.some((path) => other.prefixes.some((prefix) => isPathBelow(path, prefix)));
  }
  if (one.kind === 'pathPrefix' && other.kind === 'path') return exclude(other, one);
  if (one.kind === 'pathPrefix' && other.kind === 'pathPrefix') {
    return !one.prefixes.some((a) => other.prefixes.some((b) => a.startsWith(b) || b.startsWith(a)));
  }
  if (one.kind === 'query' && other.kind === 'query') {
    // Only the first value of a parameter counts.
    return one.name === other.name && one.value !== '' && other.value !== '' && one.value !== other.value;
  }
  return false;
}

/** An empty list of alternatives has been told of already. */
function isDead(term: MatchTerm): boolean {
  return (
    (term.kind === 'host' && term.hosts.length === 0) ||
    (term.kind === 'method' && term.methods.length === 0) ||
    (term.kind === 'path' && term.paths.length === 0) ||
    (term.kind === 'pathPrefix' && term.prefixes.length === 0)
  );
}

/** Terms that are compared with each other: more than anybody writes, and bounded for those who write more. */
const MAX_TERMS = 32;
const MAX_ALTERNATIVES = 64;

function isSmall(term: MatchTerm): boolean {
  const lists = Object.values(term).filter((value) => Array.isArray(value));
  return lists.every((list) => list.length <= MAX_ALTERNATIVES);
}

/** Why the terms of one frontend never hold together; '' when they may. `from`: the first one that is new. */
export function contradiction(terms: readonly MatchTerm[], from: number): string {
  const compared = terms.slice(0, MAX_TERMS);
  for (let index = from; index < compared.length; index++) {
    const term = compared[index];
    if (isDead(term) || !isSmall(term)) continue;
    const other = compared
      .slice(0, index)
      .find((earlier) => !isDead(earlier) && isSmall(earlier) && exclude(term, earlier));
    if (other !== undefined)
      return 'never matches: no request meets two of its conditions at once; alternatives stand between commas';
  }
  return '';
}
