/**
 * The commands of tsuji, one row each: what `--help`, a command's own help and completion say of them, and what a misspelt
 * one is compared with. Who runs them stands in `src/commands/command.ts`.
 */

export type CommandOption = {
  /** Without dashes. */
  readonly name: string;
  /** What stands behind its `=`, in capitals, or the texts that may stand there with `|` between them; '' for none. */
  readonly value: string;
  readonly help: string;
  /** It may be given more than once. */
  readonly repeats?: true;
};

type Row = {
  readonly name: string;
  /** What stands behind the name, as in a usage line: in brackets what may be left out; '' for nothing. */
  readonly words: string;
  /** One line: with name and words at most 80 columns. */
  readonly summary: string;
  /** Its own; flags of tsuji come beside them. */
  readonly options: readonly CommandOption[];
};

const JSON_OUTPUT: CommandOption = { name: 'json', value: '', help: 'print JSON' };
const FORMAT: CommandOption = { name: 'format', value: 'text|json', help: 'default: text' };
const SOURCE: CommandOption = {
  name: 'source',
  value: 'etcdv3|etcdv2',
  help: 'whose revisions are meant (default: etcdv3)',
};
const BELOW: CommandOption = { name: 'below', value: 'PATH', help: 'only keys that begin so, as frontends/shop/' };

const ROWS = [
  {
    name: 'help',
    words: '[COMMAND|all]',
    summary: 'what a command does and takes; all: every flag',
    options: [],
  },
  { name: 'version', words: '', summary: 'print the version, as --version does', options: [JSON_OUTPUT] },
  {
    name: 'healthcheck',
    words: '',
    summary: 'how a running tsuji is; takes the flags it runs with',
    options: [],
  },
  {
    name: 'wait',
    words: 'REVISION',
    summary: 'wait until tsuji, or all nodes, routes by a revision',
    options: [
      { name: 'nodes', value: 'all', help: 'until every live node of the prefix does' },
      { name: 'source', value: 'etcdv3|etcdv2', help: 'whose revision it is' },
      { name: 'timeout', value: 'DURATION', help: 'at most so long (default: 5s)' },
    ],
  },
  {
    name: 'confirm',
    words: '',
    summary: 'obey what the guard against mass removal holds back',
    options: [],
  },
  {
    name: 'explain',
    words: '[URL]',
    summary: 'what would become of a request, and why',
    options: [
      { name: 'host', value: 'NAME', help: 'the Host field; in the place of a URL, or beside it' },
      { name: 'path', value: 'PATH', help: 'path and query, in the place of a URL (default: /)' },
      { name: 'method', value: 'NAME', help: 'default: GET' },
      { name: 'header', value: 'NAME:VALUE', help: 'a header of the request; repeat it for more', repeats: true },
      { name: 'client', value: 'ADDRESS', help: 'whose request it is (default: 127.0.0.1)' },
      { name: 'entrypoint', value: 'NAME', help: 'where it comes in (default: the first)' },
      FORMAT,
    ],
  },
  {
    name: 'keys',
    words: '[PREFIX]',
    summary: 'what each key is to tsuji, and what is wrong with it',
    options: [
      { name: 'state', value: 'STATE', help: 'accepted, warned, defaulted, ignored, rejected; or a list of them' },
      { name: 'offset', value: 'N', help: 'from which on (default: 0)' },
      { name: 'limit', value: 'N', help: 'so many (default: all)' },
      FORMAT,
    ],
  },
  {
    name: 'unused',
    words: '',
    summary: 'frontends and backends that nobody uses',
    options: [
      { name: 'for', value: 'DURATION', help: 'for so long: 12h, 7d (default: 7d)' },
      { name: 'nodes', value: 'all', help: 'by no node of the prefix' },
      JSON_OUTPUT,
    ],
  },
  {
    name: 'tail',
    words: '[FILTER...]',
    summary: 'requests as they end, with filters',
    options: [
      { name: 'host', value: 'HOST', help: 'of that host' },
      { name: 'path', value: 'TEXT', help: 'with that in its path' },
      { name: 'method', value: 'METHOD', help: 'of that method' },
      { name: 'code', value: '5XX', help: 'with that status or class of statuses: 502, 5xx' },
      { name: 'slower', value: 'DURATION', help: 'that took longer' },
      { name: 'frontend', value: 'NAME', help: 'of that frontend' },
      { name: 'backend', value: 'NAME', help: 'of that backend' },
      { name: 'server', value: 'NAME', help: 'of that server, by its name or its host:port' },
      { name: 'rate', value: 'N', help: 'at most so many a second, up to 50 (default: 20)' },
      { name: 'count', value: 'N', help: 'end after so many' },
      JSON_OUTPUT,
    ],
  },
  {
    name: 'check',
    words: '[PLACE]',
    summary: 'what tsuji would make of keys, without serving them',
    options: [
      { name: 'all', value: '', help: 'tell of accepted keys as well' },
      { name: 'timeout', value: 'DURATION', help: 'stores are waited for so long (default: 10s)' },
      FORMAT,
    ],
  },
  { name: 'history', words: 'KEY', summary: 'what happened to a key of etcd', options: [SOURCE, JSON_OUTPUT] },
  {
    name: 'diff',
    words: '',
    summary: 'what differs between two revisions of etcd',
    options: [
      { name: 'from', value: 'R', help: 'the older revision' },
      { name: 'to', value: 'R', help: 'the newer one (default: now)' },
      SOURCE,
      BELOW,
      JSON_OUTPUT,
    ],
  },
  {
    name: 'rollback',
    words: 'REVISION',
    summary: 'make the keys what they were; shows it unless --yes',
    options: [BELOW, { name: 'yes', value: '', help: 'do it' }],
  },
  {
    name: 'top',
    words: '',
    summary: 'backends, frontends, servers as they are now',
    options: [
      { name: 'list', value: 'backends|frontends|servers', help: 'what to show first (default: backends)' },
      { name: 'backend', value: 'NAME', help: 'whose servers' },
      { name: 'filter', value: 'TEXT', help: 'as in the lists of the dashboard' },
      {
        name: 'sort',
        value: 'COLUMN',
        help: 'name, state, rate, e4, e5, p99, …, with - in front for the highest first; or worst (default)',
      },
      { name: 'limit', value: 'N', help: 'rows of a table that is printed (default: 20)' },
      { name: 'interval', value: 'DURATION', help: 'between two looks (default: 2s)' },
      { name: 'once', value: '', help: 'print a table and end' },
    ],
  },
  {
    name: 'register',
    words: 'BACKEND SERVER URL',
    summary: 'keep a server in etcd while it runs and is well',
    options: [
      { name: 'weight', value: 'N', help: 'its weight (default: 1)' },
      { name: 'ttl', value: 'DURATION', help: 'so long its keys outlive this process (default: 30s)' },
      { name: 'v2', value: '', help: 'write with API v2 of etcd instead of v3' },
      { name: 'check', value: 'WHAT', help: '/path, http://…, tcp or tcp://HOST:PORT: what says that it is well' },
      { name: 'interval', value: 'DURATION', help: 'between two checks (default: 5s)' },
      { name: 'timeout', value: 'DURATION', help: 'of a check (default: 2s)' },
      { name: 'rise', value: 'N', help: 'good checks in a row that bring it back (default: 1)' },
      {
        name: 'fall',
        value: 'N',
        help: 'bad checks in a row that take it away (default: 2); the first check decides alone',
      },
      {
        name: 'failing',
        value: 'remove|drain|weight',
        help: 'meanwhile its keys are away (default), it has the key draining, or weight 0, for which every tsuji needs --allowMinWeightZero',
      },
      {
        name: 'linger',
        value: 'DURATION',
        help: 'go on so long after the keys are gone at the end, for what still runs (default: 0)',
      },
    ],
  },
  {
    name: 'config',
    words: '',
    summary: 'the settings in force, and where each comes from',
    options: [
      { name: 'changed', value: '', help: 'only those that are not left to their defaults' },
      { name: 'timeout', value: 'DURATION', help: 'so long the store is waited for (default: 6s)' },
      JSON_OUTPUT,
    ],
  },
  {
    name: 'storeconfig',
    words: '',
    summary: 'write these settings into etcd, for all nodes',
    options: [
      { name: 'dryrun', value: '', help: 'only show what would change' },
      { name: 'v2', value: '', help: 'write with API v2 of etcd instead of v3' },
    ],
  },
  {
    name: 'convert',
    words: 'keys|toml [FILE]',
    summary: 'keys of v2 to v3, or a traefik.toml to ours',
    options: [
      { name: 'to', value: 'HOST:PORT,...', help: 'keys: the etcd to write to (default: the one that is read)' },
      {
        name: 'expiring',
        value: 'leave|lease',
        help: 'keys: those with a TTL are left out (default), or come under a lease of what is left of it',
      },
      { name: 'overwrite', value: '', help: 'keys: take the value of v2 where v3 has another' },
      { name: 'yes', value: '', help: 'keys: do it' },
      { name: 'as', value: 'flags|toml', help: 'toml: what to print (default: flags)' },
    ],
  },
  {
    name: 'completion',
    words: 'bash|zsh|fish',
    summary: 'what a shell reads to complete commands and flags',
    options: [],
  },
] as const satisfies readonly Row[];

export type CommandName = (typeof ROWS)[number]['name'];
export type CommandRow = Row & { readonly name: CommandName };

export const COMMAND_ROWS: readonly CommandRow[] = ROWS;

/** null: there is no such command. `name`: in lower case. */
export function commandRow(name: string): CommandRow | null {
  return COMMAND_ROWS.find((row) => row.name === name) ?? null;
}
