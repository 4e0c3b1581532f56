/** Syntax tree → match terms and path modifiers. One row per function of the language (shared/spec rules §3, §4). */
import { nearestName } from '../kernel/nearest.ts';
import {
  compileHeaders,
  compileHeadersRegexp,
  compileHost,
  compileHostRegexp,
  compileMethod,
  compilePath,
  compilePathPrefix,
  compilePathPrefixTemplate,
  compileQuery,
  type RuleContext,
} from './conditions.ts';
import { addPrefix, NO_MODIFIERS, replacePath, replacePathRegex, stripPrefixes, stripTemplates } from './modifiers.ts';
import { parseRule, type RuleSegment, ruleError } from './parse-rule.ts';
import type { MatchTerm, PathModifiers } from './terms.ts';

type Condition = (segment: RuleSegment, context: RuleContext) => void;
type Modifier = (segment: RuleSegment, context: RuleContext) => Partial<PathModifiers>;
type RuleFunction = { readonly condition?: Condition; readonly modifier?: Modifier };

const FUNCTIONS: ReadonlyMap<string, RuleFunction> = new Map<string, RuleFunction>([
  ['Host', { condition: compileHost }],
  ['HostRegexp', { condition: compileHostRegexp }],
  ['Path', { condition: compilePath }],
  ['PathStrip', { condition: compilePath, modifier: stripPrefixes }],
  ['PathStripRegex', { condition: compilePath, modifier: stripTemplates }],
  ['PathPrefix', { condition: compilePathPrefix }],
  ['PathPrefixStrip', { condition: compilePathPrefix, modifier: stripPrefixes }],
  ['PathPrefixStripRegex', { condition: compilePathPrefixTemplate, modifier: stripTemplates }],
  ['Method', { condition: compileMethod }],
  ['Headers', { condition: compileHeaders }],
  ['HeadersRegexp', { condition: compileHeadersRegexp }],
  ['Query', { condition: compileQuery }],
  ['AddPrefix', { modifier: addPrefix }],
  ['ReplacePath', { modifier: replacePath }],
  ['ReplacePathRegex', { modifier: replacePathRegex }],
]);

function functionOf(segment: RuleSegment): RuleFunction {
  const found = FUNCTIONS.get(segment.name);
  if (found !== undefined) return found;
  const nearest = nearestName(segment.name, FUNCTIONS.keys());
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  throw ruleError(`${JSON.stringify(segment.name)} is no known function${hint}`, segment.position);
}

/** Compiles the rules of one frontend, which must all hold, one after the other. */
export class RuleCompiler {
  /** Of all rules so far; meaningless once a rule was refused. */
  readonly terms: MatchTerm[] = [];
  private slots: PathModifiers = NO_MODIFIERS;
  private readonly queryVariables = new Set<string>();

  /** Of all rules so far. null: paths are forwarded as they came. */
  get modifiers(): PathModifiers | null {
    const { stripTemplates: templates, stripPrefixes: prefixes, replacePathRegex: regex } = this.slots;
    const { addPrefix: prefix, replacePath: path } = this.slots;
    const none = templates === null && prefixes === null && regex === null && prefix === '' && path === '';
    return none ? null : this.slots;
  }

  /**
   * Returns what the rule asks for in vain, such as an alternative that can never match, one sentence each. Throws a
   * TsujiError BAD_RULE whose message says what is wrong and where.
   */
  add(rule: string): readonly string[] {
    const notes: string[] = [];
    const context: RuleContext = { terms: this.terms, queryVariables: this.queryVariables, notes };
    for (const segment of parseRule(rule)) {
      const { condition, modifier } = functionOf(segment);
      condition?.(segment, context);
      if (modifier !== undefined) this.slots = { ...this.slots, ...modifier(segment, context) };
    }
    return notes;
  }
}
