/**
 * Regular expressions of Go (RE2 syntax), matched in time linear to the text, so that no request can make a rule slow.
 * Source: shared/spec rules §6.
 */
import { type Matcher, RE2JS } from 're2js';

import { reasonOf, TsujiError } from './errors.ts';
import { type PlainRegex, plainRegex } from './plain-regex.ts';

/** Compiled expressions are kept per thread, so that a new routing table does not compile them again. */
const KEPT = 16_384;

/**
 * Characters that a replacement may look at, counted to the end of the text anew from every match, which is more than most
 * patterns do. Up to the first number it always may, then for so many milliseconds more, and never beyond the last one.
 */
const REPLACE_FREE = 250_000;
const REPLACE_MS = 50;
const REPLACE_BUDGET = 4_000_000;
/** Characters of what comes of it. */
const MAX_REPLACED = 131_072;

/** Escapes, quotes and classes, in which it means nothing special, or `(?<`. */
const NAMED_GROUP = /\\Q[\s\S]*?(?:\\E|$)|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\^?\w+:\]|[^\]\\])*\]|(\(\?<)/g;

/** A piece of a replacement: text as it stands, or a group by number or name. */
type Piece = { readonly text: string } | { readonly group: number | string };

const GROUP = /^(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/u;

/** `$1`, `${1}`, `$name`, `${name}`, `$$`; a `$` before anything else stands for itself (rules §6.4). */
function replacementPieces(replacement: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = replacement;
  for (let dollar = rest.indexOf('$'); dollar >= 0; dollar = rest.indexOf('$')) {
    pieces.push({ text: rest.slice(0, dollar) });
    rest = rest.slice(dollar + 1);
    const found = GROUP.exec(rest);
    if (found === null) {
      pieces.push({ text: '$' });
      if (rest.startsWith('$')) rest = rest.slice(1);
      continue;
    }
    const name = found[1] ?? found[2];
    pieces.push({ group: /^(?:0|[1-9][0-9]{0,7})$/.test(name) ? Number(name) : name });
    rest = rest.slice(found[0].length);
  }
  pieces.push({ text: rest });
  return pieces;
}

function expanded(pieces: readonly Piece[], match: Matcher): string {
  const names: Readonly<Record<string, number>> = match.pattern().namedGroups();
  let text = '';
  for (const piece of pieces) {
    if ('text' in piece) {
      text += piece.text;
      continue;
    }
    const { group } = piece;
    const index = typeof group === 'number' ? group : Object.hasOwn(names, group) ? names[group] : -1;
    if (index >= 0 && index <= match.groupCount()) text += match.group(index) ?? '';
  }
  return text;
}

function tooLong(text: string): TsujiError {
  return new TsujiError(
    'REPLACE_TOO_LONG',
    `too many matches in ${text.length} characters, or too much in their place`,
  );
}

export class Regex {
  private readonly pattern: string;
  private readonly plain: PlainRegex | null;
  /** null: not needed so far. */
  private compiled: RE2JS | null = null;

  /** Throws TsujiError BAD_REGEX, whose message says what is wrong. */
  constructor(pattern: string) {
    this.pattern = pattern;
    this.plain = plainRegex(pattern);
    if (this.plain !== null) return;
    for (const [, named] of pattern.matchAll(NAMED_GROUP)) {
      if (named !== undefined) throw new TsujiError('BAD_REGEX', 'a named group is written (?P<name>…)');
    }
    try {
      this.compiled = RE2JS.compile(pattern);
    } catch (error) {
      throw new TsujiError('BAD_REGEX', reasonOf(error).replace(/^error parsing regexp: /, ''), { cause: error });
    }
  }

  /** Does it match anywhere in the text? */
  test(text: string): boolean {
    return this.plain === null ? this.compiled!.test(text) : this.plain.match(text) >= 0;
  }

  /** The text that it matches at the start, null for none. */
  matchAtStart(text: string): string | null {
    if (this.plain !== null) {
      const length = this.plain.match(text);
      return length < 0 ? null : text.slice(0, length);
    }
    const match = this.compiled!.matcher(text);
    return match.lookingAt() ? text.slice(0, match.end()) : null;
  }

  /**
   * Replaces every match as Go does: an empty match directly behind another match is left alone. null: no match. Throws
   * TsujiError REPLACE_TOO_LONG when a long text has too many matches, or too much comes of it.
   */
  replaceAll(text: string, replacement: string): string | null {
    this.compiled ??= RE2JS.compile(this.pattern);
    const match = this.compiled.matcher(text);
    let pieces: readonly Piece[] | null = null;
    let result = '';
    let copied = 0;
    let looked = 0;
    let since = 0;
    for (let from = 0; from <= text.length && match.find(from); ) {
      looked += text.length - from;
      if (looked > REPLACE_FREE) {
        const now = performance.now();
        if (since === 0) since = now;
        if (looked > REPLACE_BUDGET || now - since > REPLACE_MS) throw tooLong(text);
      }
      if (result.length > MAX_REPLACED) throw tooLong(text);
      pieces ??= replacementPieces(replacement);
      const start = match.start();
      const end = match.end();
      result += text.slice(copied, start);
      if (end > copied || start === 0) result += expanded(pieces, match);
      copied = end;
      const width = (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      from = Math.max(end, from + width);
    }
    if (result.length > MAX_REPLACED) throw tooLong(text);
    return pieces === null ? null : result + text.slice(copied);
  }
}

const kept = new Map<string, Regex>();

/** Throws TsujiError BAD_REGEX, whose message says what is wrong. */
export function compileRegex(pattern: string): Regex {
  let regex = kept.get(pattern);
  // The order of a map is that of insertion: what was asked for last stands at its end.
  if (regex === undefined) regex = new Regex(pattern);
  else kept.delete(pattern);
  kept.set(pattern, regex);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return regex;
}
