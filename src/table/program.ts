/** Runs the programs of frontends (layout.ts: OPCODE) against one request. Nothing here allocates. */
import { OPCODE } from './layout.ts';
import { RequestText } from './request-text.ts';

const SLASH = 0x2f;

/** How far the path of the request at hand has been looked at. */
const PATH_UNREAD = 0;
const PATH_READ = 1;
const PATH_INVALID = 2;

export class ProgramRunner {
  readonly text = new RequestText();
  /** After a match: a final slash differs, so that the answer is a redirect to the other form (rules §7). */
  redirectSlash = false;
  private method = '';
  private rawPath = '';
  private pathState = PATH_UNREAD;
  private readonly programs: Int32Array;
  private readonly strings: Uint8Array;
  private readonly keepTrailingSlash: boolean;

  constructor(programs: Int32Array, strings: Uint8Array, keepTrailingSlash: boolean) {
    this.programs = programs;
    this.strings = strings;
    this.keepTrailingSlash = keepTrailingSlash;
  }

  begin(method: string, rawPath: string): void {
    this.method = method;
    this.rawPath = rawPath;
    this.pathState = PATH_UNREAD;
  }

  /** Makes `text.path` ready, at most once per request; false when no path rule can match it. */
  readPath(): boolean {
    if (this.pathState === PATH_UNREAD) {
      this.text.setPath(this.rawPath);
      this.pathState = this.text.pathLength < 0 ? PATH_INVALID : PATH_READ;
    }
    return this.pathState === PATH_READ;
  }

  /** Do all instructions from that word of the section hold? Sets `redirectSlash`. */
  matches(program: number): boolean {
    const programs = this.programs;
    let word = program;
    let redirect = false;
    for (let opcode = programs[word]; opcode !== OPCODE.end; opcode = programs[word]) {
      const count = programs[word + 1];
      const first = word + 2;
      word = first + 2 * count;
      if (opcode === OPCODE.method) {
        if (!this.matchesMethod(first, word)) return false;
        continue;
      }
      if (!this.readPath()) return false;
      if (opcode === OPCODE.pathPrefix) {
        if (!this.matchesPrefix(first, word)) return false;
      } else {
        const found = this.keepTrailingSlash ? this.findExactPath(first, word) : this.findPath(first, word);
        if (found < 0) return false;
        redirect ||= this.endsWithSlash() !== this.alternativeEndsWithSlash(found);
      }
    }
    this.redirectSlash = redirect;
    return true;
  }

  private matchesMethod(first: number, end: number): boolean {
    const { programs, strings, method } = this;
    for (let word = first; word < end; word += 2) {
      if (programs[word + 1] !== method.length) continue;
      const offset = programs[word];
      let i = 0;
      while (i < method.length && strings[offset + i] === method.charCodeAt(i)) i++;
      if (i === method.length) return true;
    }
    return false;
  }

  private matchesPrefix(first: number, end: number): boolean {
    const programs = this.programs;
    for (let word = first; word < end; word += 2) {
      const length = programs[word + 1];
      if (length <= this.text.pathLength && this.pathStartsWith(programs[word], length)) return true;
    }
    return false;
  }

  private findExactPath(first: number, end: number): number {
    const programs = this.programs;
    for (let word = first; word < end; word += 2) {
      const length = programs[word + 1];
      if (length === this.text.pathLength && this.pathStartsWith(programs[word], length)) return word;
    }
    return -1;
  }

  /** The first alternative that equals the path, give or take one final slash. */
  private findPath(first: number, end: number): number {
    const { programs, text } = this;
    for (let word = first; word < end; word += 2) {
      const base = programs[word + 1] - (this.alternativeEndsWithSlash(word) ? 1 : 0);
      const rest = text.pathLength - base;
      if (rest !== 0 && (rest !== 1 || text.path[base] !== SLASH)) continue;
      if (this.pathStartsWith(programs[word], base)) return word;
    }
    return -1;
  }

  private pathStartsWith(offset: number, length: number): boolean {
    const { strings } = this;
    const path = this.text.path;
    for (let i = 0; i < length; i++) {
      if (path[i] !== strings[offset + i]) return false;
    }
    return true;
  }

  private endsWithSlash(): boolean {
    const { path, pathLength } = this.text;
    return pathLength > 0 && path[pathLength - 1] === SLASH;
  }

  private alternativeEndsWithSlash(word: number): boolean {
    return this.strings[this.programs[word] + this.programs[word + 1] - 1] === SLASH;
  }
}
