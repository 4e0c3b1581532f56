/**
 * Where a rule is not what it looks like, and what would probably be right: for whoever shows it. What is told as right has been
 * compiled, and nothing was found in it.
 */
import { domainToASCII } from 'node:url';
import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { FUNCTION_NAMES, RuleCompiler } from './compile-rule.ts';
import { parseRule, type RuleSegment } from './parse-rule.ts';
import { slipOf } from './slips.ts';

export type Mended = {
  /** Characters of the rule from 0, the second one behind the last; null: it is the whole. */
  readonly mark: readonly [from: number, to: number] | null;
  /** '' when that is not known. */
  readonly fix: string;
};

/** Whoever writes longer ones has made them with a program. */
const MOST_TEXT = 4_096;

const PATHS: ReadonlySet<string> = new Set([
  'Path',
  'PathStrip',
  'PathStripRegex',
  'PathPrefix',
  'PathPrefixStrip',
  'PathPrefixStripRegex',
]);

/** A segment in the making: others may come behind it. */
type Draft = { name: string; args: string[]; readonly more: string[] };

function splitBlanks(arg: string): string[] {
  return arg.split(/\s+/).filter((part) => part !== '');
}

/** Of a name of a host as it may have been written. */
function mendHost(arg: string, draft: Draft): string[] {
  const withoutScheme = arg.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  if (/\s/.test(withoutScheme)) return splitBlanks(withoutScheme).flatMap((part) => mendHost(part, draft));
  const slash = withoutScheme.indexOf('/');
  const host = (slash < 0 ? withoutScheme : withoutScheme.slice(0, slash)).replace(/:\d*$/, '').replace(/\.$/, '');
  const path = slash < 0 ? '' : withoutScheme.slice(slash);
  if (path !== '' && path !== '/') draft.more.push(`PathPrefix:${path}`);
  return [/[^\0-\x7f]/.test(host) ? domainToASCII(host) || host : host];
}

function mendHosts(draft: Draft): void {
  draft.args = draft.args.flatMap((arg) => mendHost(arg, draft));
  if (!draft.args.some((arg) => /^\.|\*/.test(arg))) return;
  // In one segment only alternatives stand, so that all of them become templates.
  draft.name = 'HostRegexp';
  draft.args = draft.args.map((arg) =>
    arg.startsWith('.') ? `{name:.+}${arg}` : arg.replace(/^\*/, '{name:.+}').replaceAll('*', '{any:[^.]*}'),
  );
}

/** An expression where a template was expected: braces around it, or the name itself where it is one. */
function mendHostTemplates(draft: Draft): void {
  draft.args = draft.args.map((arg) => {
    const plain = arg.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
    const pattern = plain.replace(/^\^/, '').replace(/\$$/, '').replace(/:\d+$/, '');
    const literal = pattern.replace(/\\(\.|-)/g, '$1');
    if (/^[\w.-]+$/.test(literal)) return literal;
    return pattern.includes('{') ? pattern : `{name:${pattern}}`;
  });
  if (draft.args.every((arg) => !arg.includes('{'))) draft.name = 'Host';
}

function mendPath(arg: string, draft: Draft): string[] {
  if (/^[^{}]*\s\//.test(arg)) return splitBlanks(arg).flatMap((part) => mendPath(part, draft));
  let path = arg.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/#.*$/, '');
  const mark = path.includes('{') ? -1 : path.indexOf('?');
  if (mark >= 0) {
    const items = path.slice(mark + 1).split(/[&;]/);
    draft.more.push(`Query:${items.map((item) => (item.includes('=') ? item : `${item}=`)).join(',')}`);
    path = path.slice(0, mark);
  }
  if (!path.startsWith('/')) path = `/${path}`;
  if (!path.includes('{') && /%[0-9a-f]{2}/i.test(path)) {
    try {
      path = decodeURIComponent(path);
    } catch {
      return [path];
    }
  }
  if (!path.includes('{') && /\/\.\.?(?:\/|$)/.test(path)) path = new URL(path, 'http://a').pathname;
  return [path];
}

function mendPaths(draft: Draft): void {
  draft.args = draft.args.flatMap((arg) => mendPath(arg, draft));
  const isStar = (arg: string): boolean => /^[^{}]*\*/.test(arg);
  if (!draft.args.some(isStar)) return;
  if (draft.args.every((arg) => /^[^*{}]*\*$/.test(arg))) {
    draft.args = draft.args.map((arg) => arg.slice(0, -1));
    draft.name = draft.name.replace(/^Path(?!Prefix)/, 'PathPrefix');
  } else draft.args = draft.args.map((arg) => (isStar(arg) ? arg.replaceAll('*', '{any:.*}') : arg));
}

function mendSegment({ name: written, args }: RuleSegment): string[] {
  const near = FUNCTION_NAMES.includes(written) ? written : nearestName(written.slice(0, 40), FUNCTION_NAMES);
  const draft: Draft = { name: near ?? written, args: [...args], more: [] };
  if (draft.name === 'Host') mendHosts(draft);
  else if (draft.name === 'HostRegexp') mendHostTemplates(draft);
  else if (PATHS.has(draft.name)) mendPaths(draft);
  else if (draft.name === 'Method') draft.args = draft.args.flatMap((arg) => arg.split(/[|\s]+/));
  else if (draft.name === 'Query') draft.args = draft.args.map((arg) => (arg.includes('=') ? arg : `${arg}=`));
  else if (draft.name === 'Headers' && args[0]?.toLowerCase() === 'host') {
    draft.name = 'Host';
    draft.args = draft.args.slice(1);
  }
  if (/^Path(?:Prefix)?Strip$/.test(draft.name) && draft.args.some((arg) => arg.includes('{'))) draft.name += 'Regex';
  return [`${draft.name}:${draft.args.join(',')}`, ...draft.more];
}

/** Segments of one function are all to hold, which nobody means who names two hosts. */
function joined(segments: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const segment of segments) {
    const name = segment.slice(0, segment.indexOf(':') + 1);
    const before = /^(?:Host|Method|Path|PathPrefix):$/.test(name) ? found.get(name) : undefined;
    if (before === undefined) found.set(name === '' ? segment : found.has(name) ? segment : name, segment);
    else found.set(name, `${before},${segment.slice(name.length)}`);
  }
  return [...found.values()];
}

const CALL = /^\s*([A-Za-z]+)\(\s*((?:[`"'][^`"']*[`"']\s*,?\s*)+)\)\s*$/;

/** ``Host(`a`) && PathPrefix(`/x`)`` → `Host:a;PathPrefix:/x`; '' for what is more than that. */
function ofLaterSyntax(rule: string): string {
  const segments = rule.split('&&').map((call) => {
    const [, name, texts] = CALL.exec(call) ?? [];
    if (name === undefined) return '';
    const args = [...texts.matchAll(/[`"']([^`"']*)[`"']/g)].map(([, text]) => text);
    return `${name === 'Header' ? 'Headers' : name}:${args.join(',')}`;
  });
  return segments.includes('') ? '' : segments.join(';');
}

/** Nothing is to be told of it. */
function isGood(rule: string): boolean {
  try {
    return new RuleCompiler().add(rule).length === 0;
  } catch (error) {
    if (error instanceof TsujiError) return false;
    throw error;
  }
}

/** `arg` as it stands behind the name of its segment. */
function placeOf(rule: string, { position, name }: RuleSegment, arg: string): readonly [number, number] | null {
  const at = arg === '' ? -1 : rule.indexOf(arg, position - 1 + name.length);
  return at < 0 ? null : [at, at + arg.length];
}

function segmentPlace(rule: string, { position }: RuleSegment): readonly [number, number] {
  const end = rule.indexOf(';', position - 1);
  return [position - 1, end < 0 ? rule.length : end];
}

/** The first thing that is wrong. */
function markOf(rule: string, segments: readonly RuleSegment[]): Mended['mark'] {
  for (const segment of segments) {
    if (!FUNCTION_NAMES.includes(segment.name)) {
      return [segment.position - 1, segment.position - 1 + segment.name.length];
    }
    const bad = segment.args.find(
      (arg) => slipOf(segment.name, arg) !== '' || (PATHS.has(segment.name) && !arg.startsWith('/')),
    );
    if (bad !== undefined) return placeOf(rule, segment, bad) ?? segmentPlace(rule, segment);
    if (!isGood(`${segment.name}:${segment.args.join(',')}`)) return segmentPlace(rule, segment);
  }
  return null;
}

/** `rule`: one of which something is told. */
export function mendRule(rule: string): Mended {
  if (rule.length > MOST_TEXT) return { mark: null, fix: '' };
  const later = ofLaterSyntax(rule);
  if (later !== '') return { mark: [0, rule.length], fix: isGood(later) ? later : '' };
  let segments: readonly RuleSegment[];
  try {
    segments = parseRule(rule);
  } catch (error) {
    if (error instanceof TsujiError) return { mark: null, fix: '' };
    throw error;
  }
  const mended = segments.flatMap(mendSegment);
  const fix = [mended.join(';'), joined(mended).join(';')].find((each) => each !== rule && isGood(each)) ?? '';
  return { mark: markOf(rule, segments), fix };
}
