/** Texts and compiled patterns of programs, made when they are first asked for and kept as long as their table. */

import { tellOwnError } from '../kernel/own-error.ts';
import { compileRegex, type Regex } from '../kernel/regex.ts';
import type { TableSections } from './sections.ts';

export class Operands {
  private readonly sections: TableSections;
  private readonly texts: Map<number, string>;
  private readonly regexes: Map<number, Regex | null>;

  /** `before`: of a table whose words stand in the same places, so that what was made of them is good here, too. */
  constructor(sections: TableSections, before: Operands | null) {
    this.sections = sections;
    this.texts = before?.texts ?? new Map<number, string>();
    this.regexes = before?.regexes ?? new Map<number, Regex | null>();
  }

  /** The string whose two words begin at that word of the programs. */
  text(word: number): string {
    const known = this.texts.get(word);
    if (known !== undefined) return known;
    const text = this.sections.stringAt(this.sections.programs, word);
    this.texts.set(word, text);
    return text;
  }

  /** That string as a pattern, between `before` and `after`, which are always the same for a word. */
  matches(word: number, text: string, before = '', after = ''): boolean {
    let regex = this.regexes.get(word);
    if (regex === undefined) {
      regex = this.compile(before + this.sections.stringAt(this.sections.programs, word) + after);
      this.regexes.set(word, regex);
    }
    return regex?.test(text) ?? false;
  }

  /** null: a rule whose pattern is refused was let through, and matches nothing. */
  private compile(pattern: string): Regex | null {
    try {
      return compileRegex(pattern);
    } catch (error) {
      tellOwnError('pattern of a rule', error);
      return null;
    }
  }
}
