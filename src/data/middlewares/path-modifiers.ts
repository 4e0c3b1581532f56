/**
 * Applies the path modifiers of a frontend to a request, in the order that the language fixes (shared/spec rules §4):
 * strip by pattern, strip a text, add a prefix, replace by pattern, replace.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { CharacterSet } from '../../kernel/characters.ts';
import { FAULTS, type Fault, reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { decodedPath, encodedPath, escapedBut, isEncodedPath } from '../../kernel/percent.ts';
import type { Regex } from '../../kernel/regex.ts';
import type { ModifiersView } from '../../table/views.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';

/** What may stand in the value of a field: no control characters. */
const IN_VALUE = new CharacterSet('\x20\x7e\x80\xff', '', true);

/** A path, decoded, and as it was sent for as long as that can be kept. */
type Path = { readonly text: string; readonly raw: string | null };

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** A path is the client's text: decoded, it could end the field and begin another. */
function fieldLine(name: string, path: string): string {
  return `${name}: ${escapedBut(IN_VALUE, path)}\r\n`;
}

function encoded({ text, raw }: Path): string {
  // A rest that begins with `%2F` has its slash already: another one in front would mean another path.
  const sameStart = raw !== null && raw.startsWith('/') === text.startsWith('/');
  if (raw !== null && sameStart && isEncodedPath(raw) && decodedPath(raw) === text) return rooted(raw);
  return rooted(encodedPath(text));
}

/** What the first of the patterns to match has matched, null for none. */
function matchedPrefix(modifiers: ModifiersView, text: string): string | null {
  for (const regex of modifiers.stripTemplates ?? []) {
    const matched = regex.matchAtStart(text);
    if (matched !== null) return matched;
  }
  return null;
}

class Modification {
  path: Path;
  /** The fields that tell the server of it. */
  lines = '';

  constructor(path: Path) {
    this.path = path;
  }

  strip(modifiers: ModifiersView): boolean {
    const { stripTemplates, stripPrefixes } = modifiers;
    if (stripTemplates !== null) {
      const prefix = matchedPrefix(modifiers, this.path.text);
      if (prefix === null) return false;
      this.cut(prefix, (rest) => rest);
    }
    if (stripPrefixes !== null) {
      const prefix = stripPrefixes.find((each) => this.path.text.startsWith(each));
      if (prefix === undefined) return false;
      this.cut(prefix, rooted);
    }
    return true;
  }

  addPrefix(prefix: string): void {
    const { text, raw } = this.path;
    this.path = { text: prefix + text, raw: raw === null ? null : prefix + raw };
  }

  /** False: the path is too long for its many matches. */
  replaceMatches(regex: Regex, replacement: string): boolean {
    try {
      const replaced = regex.replaceAll(this.path.text, replacement);
      if (replaced !== null) this.replace(replaced);
      return true;
    } catch (error) {
      log.debug('request refused', { reason: reasonOf(error) });
      return false;
    }
  }

  replace(path: string): void {
    this.lines += fieldLine('x-replaced-path', this.path.text);
    this.path = { text: path, raw: null };
  }

  private cut(prefix: string, settle: (rest: string) => string): void {
    const { text, raw } = this.path;
    const rest = raw?.startsWith(prefix) ? settle(raw.slice(prefix.length)) : null;
    this.path = { text: settle(text.slice(prefix.length)), raw: rest };
    this.lines += fieldLine('x-forwarded-prefix', prefix);
  }
}

/**
 * Changes the target and adds the fields that tell of it. Returns why the request cannot be served instead: the path has
 * nothing to be stripped, is malformed, or is too long for its many matches.
 */
export function modifyRequest(modifiers: ModifiersView, head: RequestHead): Fault | null {
  const text = decodedPath(head.path);
  if (text === null) return FAULTS.badRequest;
  const modification = new Modification({ text, raw: head.path });
  if (!modification.strip(modifiers)) return FAULTS.stripMismatch;
  if (modifiers.addPrefix !== '') modification.addPrefix(modifiers.addPrefix);
  if (
    modifiers.replacePathRegex !== null &&
    !modification.replaceMatches(modifiers.replacePathRegex, modifiers.replacement)
  ) {
    return FAULTS.badRequest;
  }
  if (modifiers.replacePath !== '') modification.replace(modifiers.replacePath);
  head.addLines(head.asWritten(modification.lines));
  // Untouched, it stays as it was sent, however odd.
  if (modification.path.raw === head.path) return null;
  const query = head.target.slice(head.path.length);
  head.path = encoded(modification.path);
  head.target = head.path + query;
  return null;
}

export class PathModifiers implements Middleware {
  private readonly modifiers: ModifiersView;

  constructor(modifiers: ModifiersView) {
    this.modifiers = modifiers;
  }

  request(_: Scope, head: RequestHead): Reply | null {
    const fault = modifyRequest(this.modifiers, head);
    return fault === null ? null : localReply(fault);
  }
}
