/**
 * Syntax tree → match terms. One row per function of the language (shared/spec rules §3, §4); a row that is not
 * built yet refuses its rule, because serving a frontend without one of its conditions would be silently wrong.
 */
import { nearestName } from '../kernel/nearest.ts';
import { parseRule, type RuleSegment, ruleError } from './parse-rule.ts';
import type { MatchTerm } from './terms.ts';

type CompileFunction = (segment: RuleSegment) => MatchTerm;

function refuseTemplates(segment: RuleSegment): void {
  const template = segment.args.find((arg) => arg.includes('{'));
  if (template === undefined) return;
  throw ruleError(`${segment.name}: the template ${JSON.stringify(template)} is not supported yet`, segment.position);
}

function compileHost(segment: RuleSegment): MatchTerm {
  return { kind: 'host', hosts: segment.args.map((arg) => arg.toLowerCase()).filter((host) => host !== '') };
}

function compilePath(segment: RuleSegment): MatchTerm {
  refuseTemplates(segment);
  // A brace that closes nothing is a template error, and those never match (rules §3).
  return { kind: 'path', paths: segment.args.filter((arg) => arg.startsWith('/') && !arg.includes('}')) };
}

function compilePathPrefix(segment: RuleSegment): MatchTerm {
  refuseTemplates(segment);
  return { kind: 'pathPrefix', prefixes: segment.args.filter((arg) => arg.startsWith('/')) };
}

function compileMethod(segment: RuleSegment): MatchTerm {
  return { kind: 'method', methods: segment.args.map((arg) => arg.toUpperCase()).filter((method) => method !== '') };
}

/** null: known to the language, not built yet. */
const FUNCTIONS: ReadonlyMap<string, CompileFunction | null> = new Map<string, CompileFunction | null>([
  ['Host', compileHost],
  ['HostRegexp', null],
  ['Path', compilePath],
  ['PathStrip', null],
  ['PathStripRegex', null],
  ['PathPrefix', compilePathPrefix],
  ['PathPrefixStrip', null],
  ['PathPrefixStripRegex', null],
  ['Method', compileMethod],
  ['Headers', null],
  ['HeadersRegexp', null],
  ['Query', null],
  ['AddPrefix', null],
  ['ReplacePath', null],
  ['ReplacePathRegex', null],
]);

function compileSegment(segment: RuleSegment): MatchTerm {
  const compile = FUNCTIONS.get(segment.name);
  if (compile === undefined) {
    const nearest = nearestName(segment.name, FUNCTIONS.keys());
    const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
    throw ruleError(`${JSON.stringify(segment.name)} is no known function${hint}`, segment.position);
  }
  if (compile === null) throw ruleError(`${segment.name} is not supported yet`, segment.position);
  return compile(segment);
}

/**
 * The terms of one rule, which must all hold. Alternatives that can never match are left out. Throws a TsujiError
 * BAD_RULE whose message says what is wrong and where.
 */
export function compileRule(rule: string): readonly MatchTerm[] {
  return parseRule(rule).map(compileSegment);
}
