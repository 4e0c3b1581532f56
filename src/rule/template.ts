/** Templates, `text{name}text{name:regex}` → RE2 patterns. Source: shared/spec rules §5. */
import { TsujiError } from '../kernel/errors.ts';
import type { Template } from './terms.ts';

export type ParsedTemplate = Template & {
  /** Of its variables, in order; a name may stand twice. */
  readonly names: readonly string[];
};

/** What `{name}` stands for. */
export const DEFAULT_HOST_PATTERN = '[^.]+';
export const DEFAULT_PATH_PATTERN = '[^/]+';
export const DEFAULT_QUERY_PATTERN = '.*';

function badTemplate(reason: string): TsujiError {
  return new TsujiError('BAD_TEMPLATE', reason);
}

/** The text as a pattern that matches nothing else. */
export function quoted(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** Texts outside and inside of first-level braces, in turn; the first and the last are outside. */
function pieces(template: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < template.length; i++) {
    const character = template[i];
    if (character === '{' && depth++ > 0) continue;
    if (character === '}' && --depth > 0) continue;
    if (depth < 0) break;
    if (character !== '{' && character !== '}') continue;
    found.push(template.slice(start, i));
    start = i + 1;
  }
  if (depth !== 0) throw badTemplate('its braces are not balanced');
  found.push(template.slice(start));
  return found;
}

/** `pattern` has no anchors. Throws TsujiError BAD_TEMPLATE, whose message says what is wrong. */
export function parseTemplate(template: string, defaultPattern: string): ParsedTemplate {
  const parts = pieces(template);
  const names: string[] = [];
  let pattern = '';
  for (let i = 0; i < parts.length; i++) {
    if (i % 2 === 0) {
      pattern += quoted(parts[i]);
      continue;
    }
    const colon = parts[i].indexOf(':');
    const name = colon < 0 ? parts[i] : parts[i].slice(0, colon);
    const own = colon < 0 ? defaultPattern : parts[i].slice(colon + 1);
    if (name === '') throw badTemplate(`the variable {${parts[i]}} has no name`);
    if (own === '') throw badTemplate(`the variable {${parts[i]}} has no pattern`);
    names.push(name);
    pattern += `(${own})`;
  }
  return { names, pattern, prefix: parts[0], suffix: parts[parts.length - 1] };
}
