/** What a shell may complete behind `tsuji`, from the tables of commands and settings. */
import { COMMAND_ROWS, type CommandRow } from '../settings/command-rows.ts';
import { standsAlone } from '../settings/flag-values.ts';
import type { Row } from '../settings/row.ts';
import { ROWS } from '../settings/rows.ts';

export type Completion = {
  /** With its dashes. */
  readonly name: string;
  readonly help: string;
  /** Nothing is complete without a value behind `=`. */
  readonly needsValue: boolean;
  /** What may stand behind `=`, as far as that is known. */
  readonly values: readonly string[];
  readonly isFile: boolean;
};

export type CommandCompletion = {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Completion[];
  /** What may stand behind the name, as far as that is known. */
  readonly words: readonly string[];
  readonly takesFile: boolean;
};

const NAMES_FILE = /(?:file|filePath|\.ca|\.cert|\.key|\.dir|folder|snapshot|rootCAs)$/i;

/** Choices are written in lower case with `|` between them, what stands for something else in capitals. */
function choices(text: string): string[] {
  return text.split('|').filter((choice) => choice !== '' && choice !== choice.toUpperCase());
}

function flagOf({ name, kind, help }: Row): Completion {
  const alone = standsAlone(kind);
  return {
    name: `--${name}`,
    help,
    needsValue: !alone,
    values: alone ? ['true', 'false'] : [],
    isFile: kind !== 'section' && NAMES_FILE.test(name),
  };
}

function commandOf({ name, words, summary, options }: CommandRow): CommandCompletion {
  const known = words.split(' ').flatMap((word) => choices(word.replace(/[[\]]|\.\.\./g, '')));
  return {
    name,
    summary,
    options: options.map((option) => ({
      name: `--${option.name}`,
      help: option.help,
      needsValue: option.value !== '',
      values: choices(option.value),
      isFile: /FILE|PATH/.test(option.value),
    })),
    words: words.includes('COMMAND') ? [...COMMAND_ROWS.map((row) => row.name), ...known] : known,
    takesFile: /FILE|FOLDER|DUMP/.test(words),
  };
}

/** Of tsuji itself, and of every command. What is accepted and does nothing is not completed. */
export const FLAG_COMPLETIONS: readonly Completion[] = ROWS.filter(
  ({ support, name }) => support === 'now' && !name.endsWith('*'),
).map(flagOf);

export const COMMAND_COMPLETIONS: readonly CommandCompletion[] = COMMAND_ROWS.map(commandOf);
