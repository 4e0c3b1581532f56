/** Random frontends and requests, and what routes them: the table, and a naive walk to compare it with. */
import fc from 'fast-check';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import type { MatchTerm } from '../../../src/rule/terms.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { canonicalHost } from '../../../src/table/request-text.ts';
import { validateTable } from '../../../src/table/validate.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { naiveMatch } from '../../harness/naive-match.ts';
import { frontend, input } from './inputs.ts';

type Pair = readonly [name: string, value: string];

export type Request = {
  entryPoint: number;
  method: string;
  host: string;
  path: string;
  /** Lower-case name and value. */
  fields?: readonly Pair[];
  /** Decoded name and value. */
  parameters?: readonly Pair[];
};

export function tableOf(frontends: readonly TableFrontend[], keepTrailingSlash = false): RoutingTable {
  const buffer = writeTable(input(frontends));
  validateTable(buffer);
  return new RoutingTable(buffer, keepTrailingSlash);
}

/** The global order of shared/spec rules §9, walked from its beginning. */
export function naiveRoute(frontends: readonly TableFrontend[], request: Request, keepTrailingSlash: boolean): string {
  const ordered = [...frontends].sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
  const { host: rawHost, method, fields = [], parameters = [] } = request;
  const path = decodeURIComponent(request.path);
  const known = { rawHost, host: canonicalHost(rawHost), path, method, fields, parameters };
  for (const { name, terms, entryPoints } of ordered) {
    if (((entryPoints >>> request.entryPoint) & 1) === 0) continue;
    const result = naiveMatch(terms, known, keepTrailingSlash);
    if (result !== 'no') return `${name} ${result}`;
  }
  return 'none';
}

export function tableRoute(table: RoutingTable, request: Request): string {
  const { entryPoint, method, host, path, fields = [], parameters = [] } = request;
  const found = table.route(entryPoint, method, host, path, {
    query: parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&'),
    values: (wanted) => fields.filter(([name]) => name === wanted).map(([, value]) => value),
  });
  return found === null ? 'none' : `${found.name} ${table.redirectSlash ? 'redirect' : 'yes'}`;
}

const pathText = fc
  .array(fc.constantFrom('/', '/', 'a', 'a', 'é', ' '), { maxLength: 4 })
  .map((parts) => `/${parts.join('')}`);
const rulePath = fc.oneof({ weight: 9, arbitrary: pathText }, { weight: 1, arbitrary: fc.constantFrom('', 'a', 'a/') });
const hostText = fc.constantFrom('a', 'b.example', 'a.b.example', 'c.example.', '::1', 'é.example', 'bab', '');
const methodText = fc.constantFrom('GET', 'PUT', 'get', 'PROPFIND');

function someOf<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(arbitrary, { minLength: 1, maxLength: 3 });
}

/** A template of literal text and variables, whose patterns mean the same to Go and to JavaScript. */
function templateOf(literal: string, pattern: string): fc.Arbitrary<string> {
  const text = fc.string({ unit: fc.constantFrom(...literal), maxLength: 3 });
  const variable = fc.constantFrom('{x}', `{x:${pattern}}`, '{x:(?:a|b)}', '{x:a*|é}', '{x:[^a]+}');
  return fc.array(fc.oneof(text, variable), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('') || 'a');
}

const hostTemplate = fc.oneof(
  templateOf('ab.C', '[a-z]+'),
  templateOf('ab.C', '[a-z.]*').map((text) => `${text}.example`),
);
const pathTemplate = templateOf('a/é', '.*').map((text) => `/${text}`);

/** The terms of a rule, by the compiler of rules. */
export function termsOf(name: string, args: readonly string[]): MatchTerm {
  const compiler = new RuleCompiler();
  compiler.add(`${name}:${args.join(',')}`);
  return compiler.terms[0];
}

const fieldName = fc.constantFrom('x-a', 'x-b');
const parameterName = fc.constantFrom('p', 'q é');
const value = fc.constantFrom('', 'a', 'b', 'ab', 'a&b', 'é', ' ');
const valuePattern = fc.constantFrom('a', '^b', 'é$', 'a|^$', '[^a]');

/** A template of a query, of a variable whose name no other template has. */
const queryRule = fc
  .tuple(parameterName, fc.constantFrom('{q}', '{q:[^b]*}', 'a{q:(?:b|é)?}', '{q:a|b}{r}'))
  .map(([name, pattern]) => termsOf('Query', [`${name}=${pattern}`]));
const kind = (names: readonly string[], template: fc.Arbitrary<string>): fc.Arbitrary<MatchTerm> =>
  fc.tuple(fc.constantFrom(...names), someOf(template)).map(([name, args]) => termsOf(name, args));

export const term: fc.Arbitrary<MatchTerm> = fc.oneof(
  { weight: 1, arbitrary: queryRule },
  {
    weight: 1,
    arbitrary: kind(['PathStrip', 'PathStripRegex', 'PathPrefixStrip', 'PathPrefixStripRegex'], pathTemplate),
  },
  { weight: 1, arbitrary: kind(['PathStrip', 'Path', 'PathPrefixStrip', 'PathPrefix'], pathText) },
  { weight: 2, arbitrary: someOf(hostTemplate).map((templates) => termsOf('HostRegexp', templates)) },
  { weight: 1, arbitrary: someOf(pathTemplate).map((templates) => termsOf('Path', templates)) },
  { weight: 1, arbitrary: someOf(pathTemplate).map((templates) => termsOf('PathPrefix', templates)) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('header' as const), name: fieldName, value }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('headerRegexp' as const), name: fieldName, pattern: valuePattern }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('query' as const), name: parameterName, value }) },
  {
    weight: 1,
    arbitrary: parameterName.map((name) => ({ kind: 'queryTemplate' as const, name, pattern: `${name}=([^a]+|é)` })),
  },
  { weight: 3, arbitrary: someOf(hostText).map((hosts) => ({ kind: 'host' as const, hosts })) },
  { weight: 2, arbitrary: someOf(rulePath).map((paths) => ({ kind: 'path' as const, paths })) },
  { weight: 2, arbitrary: someOf(rulePath).map((prefixes) => ({ kind: 'pathPrefix' as const, prefixes })) },
  { weight: 1, arbitrary: someOf(methodText).map((methods) => ({ kind: 'method' as const, methods })) },
);

/** Up to 60, so that hosts have lists on both sides of the length from which paths are indexed. */
export const frontends = fc
  .array(
    fc.record({
      terms: fc.array(term, { maxLength: 4 }),
      rank: fc.nat({ max: 4 }),
      entryPoints: fc.constantFrom(1, 2, 3, 0x80000001 | 0),
    }),
    { maxLength: 60, size: 'max' },
  )
  .map((parts) => parts.map(({ terms, ...part }, i) => frontend(`f${(i * 37) % 101}`, terms, part)));

function escaped(path: string): fc.Arbitrary<string> {
  const characters = [...path].map((character) => {
    const percent = encodeURIComponent(character);
    const hex = percent.startsWith('%') ? percent : `%${character.charCodeAt(0).toString(16)}`;
    return fc.oneof({ weight: 6, arbitrary: fc.constant(character) }, { weight: 1, arbitrary: fc.constant(hex) });
  });
  return fc.tuple(...characters).map((parts) => parts.join(''));
}

export const request: fc.Arbitrary<Request> = fc.record({
  entryPoint: fc.constantFrom(0, 1, 31),
  method: methodText,
  host: fc.tuple(hostText, fc.constantFrom('', ':80', ':')).map(([host, port]) => {
    return port !== '' && host.includes(':') ? `[${host}]${port}` : host.toUpperCase() + port;
  }),
  path: pathText.chain(escaped),
  fields: fc.array(fc.tuple(fieldName, value), { maxLength: 3 }),
  parameters: fc.array(fc.tuple(parameterName, value), { maxLength: 3 }),
});

/** More with TSUJI_PROPERTY_RUNS=100000, for a long search. */
export const PROPERTY_RUNS = Number(process.env.TSUJI_PROPERTY_RUNS ?? 300);
