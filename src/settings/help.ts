/** The text of `--help`, made from the settings table. No line is longer than 100 columns. */
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

const INTRODUCTION = `tsuji: an HTTP load balancer whose routes live in etcd

usage: tsuji [COMMAND] [flags]

  tsuji               serve
  tsuji version       print the version, as --version does
  tsuji healthcheck   ask a running tsuji how it is; takes the flags it runs with; exit code 0 or 1
  tsuji wait R        wait until a running tsuji, or all of its prefix, routes by revision R of etcd
  tsuji confirm       have a running tsuji obey what its guard against mass removal holds back
  tsuji history KEY   what happened to a key of etcd
  tsuji diff          what differs between the keys at two revisions of etcd
  tsuji rollback R    make the keys what they were at a revision of etcd; shows it unless --yes

Flags are written --name=value, in any case; a boolean needs no value. A flag that has others below
it (--etcd) switches a section on with its defaults, and so does any flag below it. A DURATION is a
number of seconds or has units (100ms, 1m30s). Every flag can come from the environment as well:
--etcd.endpoint is TSUJI_ETCD_ENDPOINT. Flags win over the environment. Several entrypoints stand
in TSUJI_ENTRYPOINTS on a line each.
`;

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

export function helpText(): string {
  const groups = new Set(ROWS.map((row) => row.group));
  const parts = [...groups].map((group) => {
    const rows = ROWS.filter((row) => row.group === group);
    return `\n${group}\n${rows.flatMap(rowLines).join('\n')}\n`;
  });
  return `${INTRODUCTION}${parts.join('')}\n  ${'--help, -h'.padEnd(HELP_COLUMN - 2)}This text\n`;
}
