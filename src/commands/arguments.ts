/** The words and options of a command that are its own, by its row of the table; all else are flags of tsuji. */
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';
import { type CommandName, type CommandOption, type CommandRow, commandRow } from '../settings/command-rows.ts';
import { otherProviderNotice } from '../settings/other-providers.ts';
import { findRow, ROWS } from '../settings/rows.ts';
import { UsageError } from './usage-error.ts';

export type Arguments = {
  readonly words: readonly string[];
  /** By name, without dashes; '' for one without a value, and of one that repeats a line for each. */
  readonly options: ReadonlyMap<string, string>;
  readonly flags: readonly string[];
};

/** Those in brackets may be left out; one with an ellipsis may be repeated. */
function wordCounts({ words }: CommandRow): { readonly least: number; readonly most: number } {
  const all = words.split(' ').filter((word) => word !== '');
  const least = all.filter((word) => !word.startsWith('[')).length;
  return { least, most: words.includes('...') ? Number.POSITIVE_INFINITY : all.length };
}

function checkValue(option: CommandOption, value: string | undefined): void {
  const name = `--${option.name}`;
  if (option.value === '' && value !== undefined) throw new UsageError(`${name} takes no value`);
  if (option.value !== '' && value === undefined) {
    throw new UsageError(`${name} needs a value after "=": ${name}=${option.value}`);
  }
  const choices = option.value.split('|');
  if (value === undefined || option.value === option.value.toUpperCase() || choices.includes(value)) return;
  throw new UsageError(`${name}: ${quoted(value)} is none of ${choices.join(', ')}`);
}

function unknownOption({ options }: CommandRow, argument: string, name: string): UsageError {
  const near = nearestName(name, [...options.map((option) => option.name), ...ROWS.map((row) => row.name)]);
  return new UsageError(`unknown option ${quoted(argument)}${near === null ? '' : `; did you mean --${near}?`}`);
}

/** @throws UsageError that says why they cannot be */
export function readArguments(command: CommandName, argv: readonly string[]): Arguments {
  const row = commandRow(command)!;
  const { least, most } = wordCounts(row);
  const words: string[] = [];
  const options = new Map<string, string>();
  const flags: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at];
    const [, written, joined] = /^--([a-z][\w.-]*)(?:=(.*))?$/is.exec(argument) ?? [];
    const option = row.options.find(({ name }) => name === written?.toLowerCase());
    if (option !== undefined) {
      // A value that must be there may stand behind a blank as well.
      const stands = joined === undefined && option.value !== '' && argv[at + 1]?.startsWith('-') === false;
      const value = stands ? argv[++at] : joined;
      checkValue(option, value);
      const before = option.repeats === true ? options.get(option.name) : undefined;
      options.set(option.name, before === undefined ? (value ?? '') : `${before}\n${value}`);
    } else if (written !== undefined) {
      const isFlag = findRow(written) !== undefined || otherProviderNotice(written.split('.', 1)[0]) !== '';
      if (!isFlag) throw unknownOption(row, `--${written}`, written);
      flags.push(argument);
    } else if (argument.startsWith('-') && argument !== '-') flags.push(argument);
    else if (words.length === most) throw new UsageError(`${quoted(argument)} is one word too many`);
    else words.push(argument);
  }
  if (words.length < least) throw new UsageError(`it needs ${row.words}`);
  return { words, options, flags };
}

export function wantsHelp(argv: readonly string[]): boolean {
  return argv.some((argument) => argument === '-h' || argument.toLowerCase() === '--help');
}
