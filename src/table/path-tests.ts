/** The tests of programs (layout.ts: OPCODE) that look at the path of a request. Nothing here allocates but patterns. */
import type { Operands } from './operands.ts';
import type { RequestText } from './request-text.ts';

const SLASH = 0x2f;

/** Words of a template: prefix, pattern, suffix. */
const PATTERN = 2;
const SUFFIX = 4;
const TEMPLATE_WORDS = 6;

/** `first` and `end` are words of the programs: the strings of one instruction. */
export class PathTests {
  private readonly text: RequestText;
  private readonly programs: Int32Array;
  private readonly strings: Uint8Array;
  private readonly operands: Operands;
  private readonly keepTrailingSlash: boolean;

  constructor(
    text: RequestText,
    programs: Int32Array,
    strings: Uint8Array,
    operands: Operands,
    keepTrailingSlash: boolean,
  ) {
    this.text = text;
    this.programs = programs;
    this.strings = strings;
    this.operands = operands;
    this.keepTrailingSlash = keepTrailingSlash;
  }

  hasPrefix(first: number, end: number): boolean {
    for (let word = first; word < end; word += 2) {
      if (this.startsWith(word, this.programs[word + 1])) return true;
    }
    return false;
  }

  /** The first alternative that equals the path, -1 for none. By default a final slash may differ. */
  findPath(first: number, end: number): number {
    const { programs, text } = this;
    for (let word = first; word < end; word += 2) {
      const length = programs[word + 1];
      if (this.keepTrailingSlash) {
        if (length === text.pathLength && this.startsWith(word, length)) return word;
        continue;
      }
      const base = length - (this.endsInSlash(word) ? 1 : 0);
      const rest = text.pathLength - base;
      if (rest !== 0 && (rest !== 1 || text.path[base] !== SLASH)) continue;
      if (this.startsWith(word, base)) return word;
    }
    return -1;
  }

  /** The suffix of the first template that matches the whole path, -1 for none. By default a final slash may differ. */
  findPathTemplate(first: number, end: number): number {
    const { programs, operands } = this;
    for (let word = first; word < end; word += TEMPLATE_WORDS) {
      if (!this.startsWith(word, programs[word + 1])) continue;
      const after = !this.keepTrailingSlash ? '/?$' : programs[word + SUFFIX + 1] === 0 ? '$' : '/$';
      if (operands.matches(word + PATTERN, this.text.pathText(), '^', after)) return word + SUFFIX;
    }
    return -1;
  }

  hasPrefixTemplate(first: number, end: number): boolean {
    const { programs, operands } = this;
    for (let word = first; word < end; word += TEMPLATE_WORDS) {
      if (!this.startsWith(word, programs[word + 1])) continue;
      if (operands.matches(word + PATTERN, this.text.pathText(), '^')) return true;
    }
    return false;
  }

  /** Does a final slash stand in only one of the path and the string at that word? `/` is never redirected. */
  slashDiffers(word: number): boolean {
    const { path, pathLength } = this.text;
    if (pathLength === 1 && path[0] === SLASH) return false;
    return (pathLength > 0 && path[pathLength - 1] === SLASH) !== this.endsInSlash(word);
  }

  /** Is that the beginning of the path: so many bytes of the string at that word? */
  private startsWith(word: number, length: number): boolean {
    const { strings } = this;
    const { path, pathLength } = this.text;
    if (length > pathLength) return false;
    const offset = this.programs[word];
    for (let i = 0; i < length; i++) {
      if (path[i] !== strings[offset + i]) return false;
    }
    return true;
  }

  private endsInSlash(word: number): boolean {
    const length = this.programs[word + 1];
    return length > 0 && this.strings[this.programs[word] + length - 1] === SLASH;
  }
}
