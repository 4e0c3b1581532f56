/** The words and options of a command that are its own; all others are flags of tsuji. */
import { quoted } from '../kernel/quote.ts';

export type Arguments = {
  readonly words: readonly string[];
  /** By name, without dashes; '' for one without a value. */
  readonly options: ReadonlyMap<string, string>;
  readonly flags: readonly string[];
};

/**
 * `options`: names of those that the command has. `most`: words that it takes.
 * @returns why they cannot be, as a text
 */
export function readArguments(argv: readonly string[], options: readonly string[], most: number): Arguments | string {
  const words: string[] = [];
  const own = new Map<string, string>();
  const flags: string[] = [];
  for (const argument of argv) {
    const [, name, value = ''] = /^--([a-z]+)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name !== undefined && options.includes(name)) own.set(name, value);
    else if (argument.startsWith('-')) flags.push(argument);
    else if (words.length === most) return `${quoted(argument)} is one word too many`;
    else words.push(argument);
  }
  return { words, options: own, flags };
}

export function wantsHelp(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}
