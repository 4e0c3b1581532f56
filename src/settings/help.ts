/**
 * The texts of `--help`, made from the tables of commands and settings: on one screen of 24 lines and 80 columns, and all, with
 * 100 columns.
 */
import { COMMAND_ROWS, type CommandName, type CommandRow, commandRow } from './command-rows.ts';
import type { Row, RowKind } from './row.ts';
import { ROWS, SHORT_NAMES } from './rows.ts';

const WIDTH = 100;
/** Column at which the explanations begin. */
const HELP_COLUMN = 38;

const PLACEHOLDERS: Readonly<Record<RowKind, string>> = {
  section: '',
  boolean: '',
  string: '=TEXT',
  integer: '=N',
  duration: '=DURATION',
  list: '=A,B,...',
  entrypoint: "='...'",
  any: '',
};

/** Column at which what options and commands do begins. */
const COMMAND_COLUMN = 28;

function commandLines(rows: readonly CommandRow[]): string {
  const line = ({ name, words, summary }: CommandRow): string =>
    `${`  ${name} ${words}`.trimEnd().concat(' ').padEnd(COMMAND_COLUMN)}${summary}\n`;
  return rows.map(line).join('');
}

/** Without the flags, and without a line for itself: a screen has 24. */
export function shortHelp(): string {
  return `tsuji: an HTTP load balancer whose routes live in etcd
usage: tsuji [COMMAND] [--flag=VALUE ...]      serves, where there is no COMMAND

${commandLines(COMMAND_ROWS.filter(({ name }) => name !== 'help'))}
serve:  tsuji --web --etcd --etcd.endpoint=10.0.0.1:2379
more:   tsuji help COMMAND; all flags: tsuji --help all
`;
}

function introduction(): string {
  return `tsuji: an HTTP load balancer whose routes live in etcd

usage: tsuji [COMMAND] [--flag=VALUE ...]

  ${'(none)'.padEnd(COMMAND_COLUMN - 2)}serve
${commandLines(COMMAND_ROWS)}
Flags are written --name=value, in any case; a boolean needs no value. A flag that has others below
it (--etcd) switches a section on with its defaults, and so does any flag below it. A DURATION is a
number of seconds or has units (100ms, 1m30s). Every flag can come from the environment as well:
--etcd.endpoint is TSUJI_ETCD_ENDPOINT. Flags win over the environment. Several entrypoints stand
in TSUJI_ENTRYPOINTS on a line each.
`;
}

/** Words put into lines of at most `width` characters; a longer word has a line of its own. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function flagText(row: Row): string {
  const short = [...SHORT_NAMES].find(([, name]) => name === row.name)?.[0];
  return `--${row.name}${PLACEHOLDERS[row.kind]}${short === undefined ? '' : `, -${short}`}`;
}

/** The note at the end counts as one word where it fits into a line, so that it is not torn apart. */
function explanation(row: Row): string[] {
  const notes: string[] = [];
  if (row.fallback !== '' && row.fallback !== 'false' && row.support !== 'silent')
    notes.push(`default: ${row.fallback}`);
  if (row.support === 'later') notes.push('not supported yet');
  const words = row.help.split(' ');
  if (notes.length === 0) return words;
  const note = `(${notes.join('; ')})`;
  return [...words, ...(note.length > WIDTH - HELP_COLUMN ? note.split(' ') : [note])];
}

function rowLines(row: Row): string[] {
  const flag = `  ${flagText(row)}`;
  const lines = wrap(explanation(row), WIDTH - HELP_COLUMN).map((line) => ' '.repeat(HELP_COLUMN) + line);
  if (flag.length > HELP_COLUMN - 2) return [flag, ...lines];
  return [flag.padEnd(HELP_COLUMN) + lines[0].trimStart(), ...lines.slice(1)];
}

/** The help of one command: `text` says what it does, with a newline at its end. */
export function commandHelp(name: CommandName, text: string): string {
  const { words, options } = commandRow(name)!;
  const usage = [
    'usage: tsuji',
    name,
    ...(words === '' ? [] : [words]),
    ...(options.length === 0 ? [] : ['[options]']),
  ];
  const lines = options.flatMap((option) => {
    const flag = `  --${option.name}${option.value === '' ? '' : `=${option.value}`}`;
    const [first, ...rest] = wrap(option.help.split(' '), WIDTH - COMMAND_COLUMN);
    const help = [first, ...rest].map((line) => ' '.repeat(COMMAND_COLUMN) + line);
    return flag.length > COMMAND_COLUMN - 2 ? [flag, ...help] : [flag + help[0].slice(flag.length), ...help.slice(1)];
  });
  const list = lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
  return `${usage.join(' ')} [flags of tsuji]\n\n${text}${list}`;
}

export function helpText(): string {
  const groups = new Set(ROWS.map((row) => row.group));
  const parts = [...groups].map((group) => {
    const rows = ROWS.filter((row) => row.group === group);
    return `\n${group}\n${rows.flatMap(rowLines).join('\n')}\n`;
  });
  return `${introduction()}${parts.join('')}\n  ${'--help, -h'.padEnd(HELP_COLUMN - 2)}The commands; with all, this text\n`;
}
