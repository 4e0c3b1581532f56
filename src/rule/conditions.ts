/**
 * The matchers of the language, one function each: segment → match terms (shared/spec rules §3). What can never match is
 * left out and noted, because the specification lets it stand.
 */
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { quoted as shown } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { type RuleSegment, ruleError } from './parse-rule.ts';
import {
  DEFAULT_HOST_PATTERN,
  DEFAULT_PATH_PATTERN,
  DEFAULT_QUERY_PATTERN,
  type ParsedTemplate,
  parseTemplate,
  quoted,
} from './template.ts';
import type { MatchTerm, Template } from './terms.ts';

/** What the rules of one frontend share while they are compiled. */
export type RuleContext = {
  readonly terms: MatchTerm[];
  /** Variables of its Query templates so far: no other template may use their names. */
  readonly queryVariables: Set<string>;
  /** What a rule asks for in vain, one sentence each. */
  readonly notes: string[];
};

/** Matches nothing: no method would do. */
const NEVER: MatchTerm = { kind: 'method', methods: [] };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function note(context: RuleContext, segment: RuleSegment, arg: string, reason: string): void {
  context.notes.push(`${segment.name}: ${shown(arg)} ${reason}`);
}

/** The arguments for which `refuse` finds no reason ('') why they never match. */
function liveArgs(segment: RuleSegment, context: RuleContext, refuse: (arg: string) => string): string[] {
  return segment.args.filter((arg) => {
    const reason = refuse(arg);
    if (reason !== '') note(context, segment, arg, `never matches: ${reason}`);
    return reason === '';
  });
}

/** Parses it and tries its pattern. Throws TsujiError, whose message says what is wrong. */
function checkedTemplate(text: string, defaultPattern: string, context: RuleContext): ParsedTemplate {
  const template = parseTemplate(text, defaultPattern);
  if (template.names.length > 0) compileRegex(template.pattern);
  const shared = template.names.find((name) => context.queryVariables.has(name));
  if (shared !== undefined) {
    throw new TsujiError('BAD_TEMPLATE', `a Query has the variable ${shown(shared)} already`);
  }
  return template;
}

function templateProblem(text: string, defaultPattern: string, context: RuleContext): string {
  try {
    checkedTemplate(text, defaultPattern, context);
    return '';
  } catch (error) {
    return reasonOf(error);
  }
}

export function compileHost(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => (arg === '' ? 'it is empty' : ''));
  context.terms.push({ kind: 'host', hosts: args.map((arg) => arg.toLowerCase()) });
}

export function compileHostRegexp(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => templateProblem(arg, DEFAULT_HOST_PATTERN, context));
  const templates = args.map((arg) => templateOf(arg, DEFAULT_HOST_PATTERN));
  context.terms.push({ kind: 'hostTemplate', templates });
}

function templateOf(text: string, defaultPattern: string): Template {
  const { pattern, prefix, suffix } = parseTemplate(text, defaultPattern);
  return { pattern, prefix, suffix };
}

/** Why a path template never matches, '' when it may. */
export function pathProblem(arg: string, context: RuleContext): string {
  if (!arg.startsWith('/')) return 'a path begins with "/"';
  return templateProblem(arg, DEFAULT_PATH_PATTERN, context);
}

export function compilePath(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => pathProblem(arg, context));
  if (!args.some((arg) => arg.includes('{'))) {
    context.terms.push({ kind: 'path', paths: args });
    return;
  }
  const templates = args.map((arg): Template => {
    const suffix = arg.endsWith('/') ? '/' : '';
    const { pattern, prefix } = templateOf(suffix === '' ? arg : arg.slice(0, -1), DEFAULT_PATH_PATTERN);
    return { pattern, prefix, suffix };
  });
  context.terms.push({ kind: 'pathTemplate', templates });
}

/** Without an opening brace an argument is plain text, whatever else it holds. */
function prefixProblem(arg: string, context: RuleContext): string {
  if (arg.includes('{')) return pathProblem(arg, context);
  return arg.startsWith('/') ? '' : 'a path begins with "/"';
}

export function compilePathPrefix(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => prefixProblem(arg, context));
  pushPrefixes(args, context);
}

/** Unlike PathPrefix it takes every argument for a template. */
export function compilePathPrefixTemplate(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => pathProblem(arg, context));
  pushPrefixes(args, context);
}

function pushPrefixes(args: readonly string[], context: RuleContext): void {
  const literals = args.filter((arg) => !arg.includes('{'));
  if (literals.length === args.length) {
    context.terms.push({ kind: 'pathPrefix', prefixes: literals });
    return;
  }
  const templates = args.map((arg): Template => {
    return arg.includes('{')
      ? templateOf(arg, DEFAULT_PATH_PATTERN)
      : { pattern: quoted(arg), prefix: arg, suffix: '' };
  });
  context.terms.push({ kind: 'pathPrefixTemplate', templates });
}

export function compileMethod(segment: RuleSegment, context: RuleContext): void {
  const args = liveArgs(segment, context, (arg) => (arg === '' ? 'it is empty' : ''));
  context.terms.push({ kind: 'method', methods: args.map((arg) => arg.toUpperCase()) });
}

/** Name, value, name, value, …: all must hold, and the last of equal names counts. */
function pairsOf(segment: RuleSegment, texts: readonly string[]): ReadonlyMap<string, string> {
  if (texts.length % 2 !== 0) {
    throw ruleError(
      `${segment.name} needs pairs of a name and a value, but has ${texts.length} texts`,
      segment.position,
    );
  }
  const pairs = new Map<string, string>();
  for (let i = 0; i < texts.length; i += 2) pairs.set(texts[i], texts[i + 1]);
  return pairs;
}

/** The lower-case name of a field, null when no request has such a field. */
function fieldName(segment: RuleSegment, context: RuleContext, name: string): string | null {
  const lower = name.toLowerCase();
  if (lower !== 'host' && TOKEN.test(name)) return lower;
  const reason = lower === 'host' ? 'the host is not among the fields, use Host' : 'that is no name of a field';
  note(context, segment, name, `never matches: ${reason}`);
  return null;
}

export function compileHeaders(segment: RuleSegment, context: RuleContext): void {
  for (const [key, value] of pairsOf(segment, segment.args)) {
    const name = fieldName(segment, context, key);
    context.terms.push(name === null ? NEVER : { kind: 'header', name, value });
  }
}

export function compileHeadersRegexp(segment: RuleSegment, context: RuleContext): void {
  for (const [key, pattern] of pairsOf(segment, segment.args)) {
    try {
      compileRegex(pattern);
    } catch (error) {
      const reason = `${segment.name}: ${shown(pattern)} is no regular expression: ${reasonOf(error)}`;
      throw ruleError(reason, segment.position);
    }
    const name = fieldName(segment, context, key);
    context.terms.push(name === null ? NEVER : { kind: 'headerRegexp', name, pattern });
  }
}

export function compileQuery(segment: RuleSegment, context: RuleContext): void {
  const texts = segment.args.flatMap((arg) => arg.split('='));
  if (texts.length % 2 !== 0) throw ruleError('Query needs items of the form name=value', segment.position);
  for (let i = 0; i < texts.length; i += 2) {
    const name = texts[i];
    const value = texts[i + 1];
    const text = `${name}=${value}`;
    if (!/[{}]/.test(text)) {
      context.terms.push({ kind: 'query', name, value });
      continue;
    }
    try {
      const { names, pattern } = checkedTemplate(text, DEFAULT_QUERY_PATTERN, context);
      for (const each of names) context.queryVariables.add(each);
      context.terms.push({ kind: 'queryTemplate', name, pattern: value === '' ? `${pattern}.*` : pattern });
    } catch (error) {
      throw ruleError(`Query: ${shown(text)} is no template: ${reasonOf(error)}`, segment.position);
    }
  }
}
