/** Syntax tree → match terms and path modifiers. One row per function of the language (shared/spec rules §3, §4). */
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';
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
  note,
  type RuleContext,
} from './conditions.ts';
import { addPrefix, NO_MODIFIERS, replacePath, replacePathRegex, stripPrefixes, stripTemplates } from './modifiers.ts';
import { parseRule, type RuleSegment, ruleError } from './parse-rule.ts';
import { contradiction, lostColons, slipOf } from './slips.ts';
import type { MatchTerm, PathModifiers } from './terms.ts';

/** What is longer is no slip of the pen. */
const LONGEST_NAME = 40;
/** Of one rule: a rule may have a million bad alternatives. */
const MAX_NOTES = 8;

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

export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys()];

function functionOf(segment: RuleSegment): RuleFunction {
  const found = FUNCTIONS.get(segment.name);
  if (found !== undefined) return found;
  const nearest = segment.name.length > LONGEST_NAME ? null : nearestName(segment.name, FUNCTIONS.keys());
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  throw ruleError(`${quoted(segment.name)} is no known function${hint}`, segment.position);
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
    const known = this.terms.length;
    for (const segment of parseRule(rule)) {
      const { condition, modifier } = functionOf(segment);
      condition?.(segment, context);
      if (modifier !== undefined) this.slots = { ...this.slots, ...modifier(segment, context) };
      if (segment.lostColons) notes.push(lostColons(segment.name));
      for (const arg of segment.args) {
        const slip = slipOf(segment.name, arg);
        if (slip !== '') note(context, segment, arg, slip);
      }
    }
    const contradicts = contradiction(this.terms, known);
    if (contradicts !== '') notes.push(contradicts);
    if (notes.length <= MAX_NOTES) return notes;
    return [...notes.slice(0, MAX_NOTES), `and ${notes.length - MAX_NOTES} more of the kind`];
  }
}
