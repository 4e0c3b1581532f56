/** The options of one entrypoint, read one by one. */
import type { CertificatePair } from '../kernel/entrypoint-options.ts';
import { rangeProblem } from '../kernel/ip-ranges.ts';
import { quoted } from '../kernel/quote.ts';
import { type EntryPointText, refuse } from './entrypoint-text.ts';
import { parseBoolean } from './flag-values.ts';

const ON_TEXTS = new Set(['true', 'enable', 'on']);
const OFF_TEXTS = new Set(['false', 'disable', 'off', '']);

/** Every error names the entrypoint, the option and why. */
export class OptionReader {
  readonly name: string;
  readonly certificates: readonly CertificatePair[];
  private readonly options: EntryPointText['options'];

  constructor({ name, options, certificates }: EntryPointText) {
    this.name = name;
    this.options = options;
    this.certificates = certificates;
  }

  names(): Iterable<string> {
    return this.options.keys();
  }

  has(option: string): boolean {
    return this.options.has(option);
  }

  list(option: string): readonly string[] {
    return this.options.get(option) ?? [];
  }

  text(option: string): string {
    return this.list(option)[0] ?? '';
  }

  boolean(option: string): boolean {
    const text = this.text(option);
    const value = parseBoolean(text);
    if (value === true || ON_TEXTS.has(text.toLowerCase())) return true;
    if (value === false || OFF_TEXTS.has(text.toLowerCase())) return false;
    return this.refuse(option, `${quoted(text)} is neither true nor false`);
  }

  /** Does it ask for anything? A boolean that is off does not. */
  asks(option: string): boolean {
    return this.list(option).some((text) => !OFF_TEXTS.has(text.toLowerCase()) && parseBoolean(text) !== false);
  }

  ranges(option: string): readonly string[] {
    const texts = this.list(option);
    for (const text of texts) {
      const problem = rangeProblem(text);
      if (problem !== '') this.refuse(option, problem);
    }
    return texts;
  }

  /** As the log calls it. */
  settingOf(option: string): string {
    return `entryPoints.${this.name}.${option}`;
  }

  refuse(option: string, reason: string): never {
    return refuse(this.name, `${option}: ${reason}`, option);
  }
}
