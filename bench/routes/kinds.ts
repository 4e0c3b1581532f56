/**
 * The kinds of routes that are compared, each as a rule of tsuji and as its counterpart for nginx and HAProxy. `NUMBER`
 * stands for the number of a route.
 */
import { NUMBER_DIGITS } from '../load/plan.ts';

export type RouteKind = {
  readonly name: string;
  readonly title: string;
  readonly rule: string;
  /** A request that a route serves. */
  readonly host: string;
  readonly path: string;
  /** `map`: a row of a `map` of the host. `location`: a location of one server. */
  readonly nginx: { readonly kind: 'map' | 'location'; readonly match: string };
  /** A fetch with its converter, to which the map's file is added, and the key of a row. */
  readonly haproxy: { readonly fetch: string; readonly key: string };
  /** Routes beyond which a peer walks for so long, or loads so slowly, that it says nothing more. */
  readonly most: { readonly nginx: number; readonly haproxy: number };
  /** CPU per request of tsuji at 10 000 ÷ at 1. */
  readonly goal: number | null;
};

export const SIZES = [1, 1_000, 10_000, 100_000] as const;
/** The sizes of the goal. */
export const GOAL_SIZES = [1, 10_000] as const;

export const ROUTE_KINDS: readonly RouteKind[] = [
  {
    name: 'hosts',
    title: 'exact hosts',
    rule: 'Host:service-NUMBER.example.com',
    host: 'service-NUMBER.example.com',
    path: '/',
    nginx: { kind: 'map', match: 'service-NUMBER.example.com' },
    haproxy: { fetch: 'req.hdr(host),lower,map_str', key: 'service-NUMBER.example.com' },
    most: { nginx: 100_000, haproxy: 100_000 },
    goal: 1.05,
  },
  {
    name: 'paths',
    title: 'path prefixes under one host',
    rule: 'Host:www.example.com;PathPrefix:/service-NUMBER/',
    host: 'www.example.com',
    path: '/service-NUMBER/',
    nginx: { kind: 'location', match: '/service-NUMBER/' },
    haproxy: { fetch: 'path,map_beg', key: '/service-NUMBER/' },
    most: { nginx: 10_000, haproxy: 100_000 },
    goal: 1.2,
  },
  {
    name: 'host-templates',
    title: 'host templates with a literal suffix',
    rule: 'HostRegexp:{sub:[a-z0-9-]+}.team-NUMBER.example.com',
    host: 'www.team-NUMBER.example.com',
    path: '/',
    nginx: { kind: 'map', match: '~^[a-z0-9-]+\\.team-NUMBER\\.example\\.com$' },
    haproxy: { fetch: 'req.hdr(host),lower,map_reg', key: '^[a-z0-9-]+\\.team-NUMBER\\.example\\.com$' },
    most: { nginx: 10_000, haproxy: 10_000 },
    goal: null,
  },
  {
    name: 'path-templates',
    title: 'path templates under one host',
    rule: 'Host:www.example.com;PathPrefix:/service-NUMBER/{version:v[0-9]+}/',
    host: 'www.example.com',
    path: '/service-NUMBER/v2/',
    nginx: { kind: 'location', match: '~ ^/service-NUMBER/v[0-9]+/' },
    haproxy: { fetch: 'path,map_reg', key: '^/service-NUMBER/v[0-9]+/' },
    most: { nginx: 10_000, haproxy: 10_000 },
    goal: null,
  },
];

export function numbered(text: string, route: number): string {
  return text.replaceAll('NUMBER', String(route).padStart(NUMBER_DIGITS, '0'));
}

/** `line` for each of so many routes. */
export function numberedLines(line: string, routes: number): string {
  return Array.from({ length: routes }, (_, route) => numbered(line, route)).join('\n');
}

/** Scenarios of the command line: all kinds, or one of them. */
const ALL = 'routes';
export const ROUTE_SCENARIOS: readonly string[] = [ALL, ...ROUTE_KINDS.map(({ name }) => `${ALL}-${name}`)];

/** The kinds that are named among the scenarios. */
export function namedKinds(scenarios: readonly string[]): readonly RouteKind[] {
  return ROUTE_KINDS.filter(({ name }) => scenarios.includes(ALL) || scenarios.includes(`${ALL}-${name}`));
}
