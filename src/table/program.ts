/** Runs the programs of frontends (layout.ts: OPCODE) against one request. */
import { OPCODE } from './layout.ts';
import { Operands } from './operands.ts';
import { PathTests } from './path-tests.ts';
import { firstQueryValue } from './query.ts';
import { NO_FIELDS, type RequestFields } from './request-fields.ts';
import type { RequestText } from './request-text.ts';
import type { TableSections } from './sections.ts';

/** Words of a template: prefix, pattern, suffix. */
const PATTERN = 2;
const TEMPLATE_WORDS = 6;
/** Words of a field or parameter: name, value or pattern. */
const VALUE = 2;

export class ProgramRunner {
  /** Shared with the other table that a request is looked up in. */
  readonly text: RequestText;
  /** After a match: a final slash differs, so that the answer is a redirect to the other form (rules §7). */
  redirectSlash = false;
  private readonly programs: Int32Array;
  private readonly strings: Uint8Array;
  readonly operands: Operands;
  private readonly path: PathTests;
  private method = '';
  private host = '';
  private fields = NO_FIELDS;

  /** `before`: of a table whose words stand in the same places. */
  constructor(sections: TableSections, text: RequestText, keepTrailingSlash: boolean, before: Operands | null) {
    const { programs, strings } = sections;
    this.text = text;
    this.programs = programs;
    this.strings = strings;
    this.operands = new Operands(sections, before);
    this.path = new PathTests(text, programs, strings, this.operands, keepTrailingSlash);
  }

  /** `text` is of the same request. */
  begin(method: string, host: string, fields: RequestFields): void {
    this.method = method;
    this.host = host;
    this.fields = fields;
  }

  /** Do all instructions from that word of the section hold? Sets `redirectSlash`. */
  matches(program: number): boolean {
    return this.refusedAt(program) === 0;
  }

  /** The word of the first instruction that does not hold, 0 when all do. Sets `redirectSlash` then. */
  refusedAt(program: number): number {
    const { programs, path } = this;
    let word = program;
    let redirect = false;
    for (let opcode = programs[word]; opcode !== OPCODE.end; opcode = programs[word]) {
      const instruction = word;
      const first = word + 2;
      word = first + 2 * programs[word + 1];
      if (opcode === OPCODE.path || opcode === OPCODE.pathTemplate) {
        if (!this.text.readPath()) return instruction;
        const found = opcode === OPCODE.path ? path.findPath(first, word) : path.findPathTemplate(first, word);
        if (found < 0) return instruction;
        redirect ||= path.slashDiffers(found);
      } else if (!this.holds(opcode, first, word)) {
        return instruction;
      }
    }
    this.redirectSlash = redirect;
    return 0;
  }

  private holds(opcode: number, first: number, end: number): boolean {
    switch (opcode) {
      case OPCODE.pathPrefix:
        return this.text.readPath() && this.path.hasPrefix(first, end);
      case OPCODE.method:
        return this.matchesMethod(first, end);
      case OPCODE.hostTemplate:
        return this.matchesHostTemplate(first, end);
      case OPCODE.pathPrefixTemplate:
        return this.text.readPath() && this.path.hasPrefixTemplate(first, end);
      case OPCODE.header:
        return this.hasField(first);
      case OPCODE.headerRegexp:
        return this.fields
          .values(this.operands.text(first))
          .some((value) => this.operands.matches(first + VALUE, value));
      case OPCODE.query:
        return this.hasParameter(first);
      default:
        return this.matchesParameter(first);
    }
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

  /** Templates see the host up to its first colon (rules §2). */
  private matchesHostTemplate(first: number, end: number): boolean {
    const colon = this.host.indexOf(':');
    const host = colon < 0 ? this.host : this.host.slice(0, colon);
    for (let word = first; word < end; word += TEMPLATE_WORDS) {
      if (this.operands.matches(word + PATTERN, host, '(?i)^', '$')) return true;
    }
    return false;
  }

  private hasField(first: number): boolean {
    const values = this.fields.values(this.operands.text(first));
    const wanted = this.operands.text(first + VALUE);
    return wanted === '' ? values.length > 0 : values.includes(wanted);
  }

  private hasParameter(first: number): boolean {
    const value = firstQueryValue(this.fields.query, this.operands.text(first));
    const wanted = this.operands.text(first + VALUE);
    return wanted === '' ? value !== null : value === wanted;
  }

  private matchesParameter(first: number): boolean {
    const name = this.operands.text(first);
    const value = firstQueryValue(this.fields.query, name);
    return value !== null && this.operands.matches(first + VALUE, `${name}=${value}`);
  }
}
