/**
 * The modifiers of the language, one function each: segment → a slot of the frontend's path modifiers (shared/spec rules
 * §4). There is one slot per kind, and the last to fill it wins. A modifier restricts nothing.
 */
import { reasonOf } from '../kernel/errors.ts';
import { quoted as shown } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { note, pathProblem, type RuleContext } from './conditions.ts';
import type { RuleSegment } from './parse-rule.ts';
import { DEFAULT_PATH_PATTERN, parseTemplate } from './template.ts';
import type { PathModifiers } from './terms.ts';

export const NO_MODIFIERS: PathModifiers = {
  stripTemplates: null,
  stripPrefixes: null,
  addPrefix: '',
  replacePathRegex: null,
  replacePath: '',
};

type Slot = Partial<PathModifiers>;

function longestFirst(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => Buffer.byteLength(b) - Buffer.byteLength(a));
}

/** Templates are not understood here: such an argument is no prefix of any path, so that the request gets 404. */
export function stripPrefixes(segment: RuleSegment, context: RuleContext): Slot {
  for (const arg of segment.args) {
    if (arg.startsWith('/') && arg.includes('{') && pathProblem(arg, context) === '') {
      note(
        context,
        segment,
        arg,
        `matches but is answered 404, because a template is not stripped: use ${segment.name}Regex`,
      );
    }
  }
  return { stripPrefixes: longestFirst(segment.args) };
}

export function stripTemplates(segment: RuleSegment, context: RuleContext): Slot {
  const live = segment.args.filter((arg) => pathProblem(arg, context) === '');
  const patterns = longestFirst(live).map((arg) => `^${parseTemplate(arg, DEFAULT_PATH_PATTERN).pattern}`);
  return { stripTemplates: patterns };
}

/** A path without a leading slash would make an invalid request line. */
function rooted(segment: RuleSegment, context: RuleContext): string {
  const arg = segment.args[segment.args.length - 1];
  if (arg === '' || arg.startsWith('/')) return arg;
  note(context, segment, arg, `has no leading slash; ${shown(`/${arg}`)} is used`);
  return `/${arg}`;
}

export function addPrefix(segment: RuleSegment, context: RuleContext): Slot {
  return { addPrefix: rooted(segment, context) };
}

export function replacePath(segment: RuleSegment, context: RuleContext): Slot {
  return { replacePath: rooted(segment, context) };
}

export function replacePathRegex(segment: RuleSegment, context: RuleContext): Slot {
  const arg = segment.args[segment.args.length - 1];
  const parts = arg.split(' ');
  if (parts.length !== 2) {
    note(context, segment, arg, 'does nothing: a regular expression, one blank and a replacement are expected');
    return { replacePathRegex: null };
  }
  const [pattern, replacement] = parts;
  try {
    compileRegex(pattern);
    return { replacePathRegex: { pattern, replacement } };
  } catch (error) {
    note(context, segment, arg, `does nothing: ${reasonOf(error)}`);
    return { replacePathRegex: null };
  }
}
