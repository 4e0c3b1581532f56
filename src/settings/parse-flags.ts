/**
 * Command line, environment and traefik.toml → settings (shared/spec cli-api §1). Flags win over the environment, the
 * environment over the file, the file over the defaults.
 */

import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { quoted, shortened } from '../kernel/quote.ts';
import { COMMAND_ROWS } from './command-rows.ts';
import { readEnvironment, readOtelVariables } from './environment.ts';
import { fillSettings } from './fill-settings.ts';
import { parseBoolean, problemOf, sameValue, standsAlone } from './flag-values.ts';
import { Given } from './given.ts';
import { helpText, shortHelp } from './help.ts';
import { otherProviderNotice } from './other-providers.ts';
import { type Row, shownName } from './row.ts';
import { findRow, ROWS, SHORT_NAMES } from './rows.ts';
import { NOT_YET, type Origin, type Warn, Warnings } from './setting-warning.ts';
import type { Settings } from './settings.ts';
import { type Layer, type WithStored, withStored } from './stored-settings.ts';
import { addTomlFile, findTomlFile } from './toml-file.ts';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly settings: Settings;
      /** The traefik.toml that was read, '' for none. */
      readonly configFile: string;
      /** What they were put together from. */
      readonly given: Given;
      /** What was written of them, by flag; may hold secrets. Entrypoints are not among them. */
      readonly texts: ReadonlyMap<string, string>;
      /** The same with what a store of keys says on top of it. Keys are relative to the prefix. */
      readonly withStored: WithStored;
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

const COMMANDS: readonly string[] = COMMAND_ROWS.map(({ name }) => name);
const LATER_COMMANDS: readonly string[] = ['bug'];

type Flag = { readonly row: Row; readonly name: string; readonly text: string };

function bad(message: string): TsujiError {
  return new TsujiError('BAD_FLAG', message);
}

function isHelp(argument: string): boolean {
  return /^(?:-h|--help(?:=.*)?)$/i.test(argument);
}

/** One screen; with "all", everything. */
function wantedHelp(argv: readonly string[]): string {
  return argv.some((argument) => /^(?:--help=)?all$/i.test(argument)) ? helpText() : shortHelp();
}

/** A first argument without a dash would be a command (src/commands/command.ts), and is none. */
function refuseWord(first: string): never {
  const name = first.toLowerCase();
  const [flag] = first.split('=', 1);
  if (flag !== first && findRow(flag) !== undefined)
    throw bad(`a flag begins with two dashes: write ${hintFor(first)}`);
  if (LATER_COMMANDS.includes(name)) throw bad(`the command ${name} is not supported yet`);
  const near = nearestName(name, COMMANDS);
  throw bad(`unknown command ${quoted(first)}${near === null ? '' : `; did you mean ${near}?`}`);
}

/** How an argument like `etcd=10.0.0.1:2379` would be written. */
function hintFor(argument: string): string {
  const [name, ...value] = argument.split('=');
  const isEndpoint = name.toLowerCase() === 'etcd' && parseBoolean(value.join('=')) === null;
  return quoted(`--${isEndpoint ? 'etcd.endpoint' : name}=${value.join('=')}`);
}

function unknownFlag(argument: string, name: string): TsujiError {
  const near = nearestName(
    name,
    ROWS.map((row) => row.name),
  );
  return bad(`unknown flag ${quoted(argument)}${near === null ? '' : `; did you mean --${near}?`}`);
}

/** `--name=value`, or `--name` for what is complete without a value. */
function readLong(argument: string): Flag {
  const equals = argument.indexOf('=');
  const written = equals === -1 ? argument : argument.slice(0, equals);
  const name = written.slice(2);
  const row = findRow(name);
  if (row === undefined) throw unknownFlag(written, name);
  if (equals !== -1) return { row, name, text: argument.slice(equals + 1) };
  if (!standsAlone(row.kind)) throw bad(`${written} needs a value after "=": ${written}=VALUE`);
  return { row, name, text: 'true' };
}

/** `-d`, `-lDEBUG`, `-l=DEBUG`, `-l DEBUG`, and booleans in a row before one of these. `next` gives the argument after. */
function readShort(argument: string, next: () => string | undefined): Flag[] {
  const long = argument.slice(1).replace(/=.*$/s, '');
  if (findRow(long) !== undefined) throw bad(`-${long} needs two dashes: --${long}`);
  const flags: Flag[] = [];
  for (let index = 1; index < argument.length; index++) {
    const name = SHORT_NAMES.get(argument[index]);
    const row = name === undefined ? undefined : findRow(name);
    if (name === undefined || row === undefined) throw bad(`unknown flag ${quoted(`-${argument.slice(index)}`)}`);
    const rest = argument.slice(index + 1);
    if (rest.startsWith('=')) return [...flags, { row, name, text: rest.slice(1) }];
    if (!standsAlone(row.kind)) {
      const text = rest === '' ? next() : rest;
      if (text === undefined) throw bad(`-${argument[index]} needs a value: -${argument[index]} VALUE`);
      return [...flags, { row, name, text }];
    }
    flags.push({ row, name, text: 'true' });
  }
  return flags;
}

function unexpected(argument: string, previous: string | undefined): TsujiError {
  if (COMMANDS.includes(argument.toLowerCase())) return bad(`the command ${argument} must come first`);
  if (/^[A-Za-z.]+:/.test(argument) || /^TLS$/i.test(argument)) {
    const flag = `--entryPoints='Name:… ${shortened(argument)} …'`;
    return bad(
      `unexpected argument ${quoted(argument)}; the shell splits at blanks, so an entrypoint needs quotes: ${flag}`,
    );
  }
  const hint = previous?.startsWith('--') === true && !previous.includes('=') ? `; write ${previous}=VALUE` : '';
  return bad(`unexpected argument ${quoted(argument)}${hint}`);
}

/** @throws TsujiError that names the flag and why */
function readFlags(argv: readonly string[], warn: Warn): Flag[] {
  const flags: Flag[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index];
    const section = /^--([a-z]+)(?:[.=]|$)/i.exec(argument)?.[1].toLowerCase() ?? '';
    const notice = otherProviderNotice(section);
    if (notice !== '') warn(section, notice);
    else if (argument.startsWith('--') && argument !== '--') flags.push(readLong(argument));
    else if (/^-[^-]/.test(argument)) flags.push(...readShort(argument, () => argv[++index]));
    else throw unexpected(argument, argv[index - 1]);
  }
  for (const { row, name, text } of flags) {
    const problem = problemOf(row, text);
    if (problem === '') continue;
    const hint = name.toLowerCase() === 'etcd' ? `; for its address write ${hintFor(`etcd=${text}`)}` : '';
    throw bad(`--${name}: ${problem}${hint}`);
  }
  return flags;
}

function add({ row, name, text }: Flag, origin: 'flag' | 'environment', given: Given, warnings: Warnings): void {
  given.add(row, name, text, origin);
  // To ask for what happens anyway is no reason for a warning.
  if (row.support === 'later' && !sameValue(row, text, row.fallback)) {
    warnings.add(shownName(row, name), origin, NOT_YET);
  }
}

/** What was given to the process itself, not put together yet: flags over environment over traefik.toml. */
function readGiven(argv: readonly string[], env: NodeJS.ProcessEnv): Layer {
  const given = new Given(readOtelVariables(env));
  const warnings = new Warnings();
  const warn =
    (origin: Origin): Warn =>
    (setting, reason) =>
      warnings.add(setting, origin, reason);
  const flags = readFlags(argv, warn('flag'));
  const byFlag = new Set(flags.map(({ name }) => name.toLowerCase()));
  for (const setting of readEnvironment(env, warn('environment'))) {
    if (!byFlag.has(setting.name)) add(setting, 'environment', given, warnings);
  }
  for (const flag of flags) add(flag, 'flag', given, warnings);
  const file = findTomlFile(given.text('configFile'), env, warn(given.originOf('configFile')));
  if (file !== null) addTomlFile(file, given, warn('file'));
  return { given, warnings, configFile: file ?? '' };
}

/**
 * @param argv the arguments after the program's own name
 * @param env where `TSUJI_…` variables are looked for
 */
export function parseFlags(argv: readonly string[], env: NodeJS.ProcessEnv): Parsed {
  if (argv.some(isHelp)) return { kind: 'help', text: wantedHelp(argv) };
  try {
    if (argv.length > 0 && !argv[0].startsWith('-')) refuseWord(argv[0]);
    const layer = (): Layer => readGiven(argv, env);
    const { given, warnings, configFile } = layer();
    return {
      kind: 'run',
      settings: fillSettings(given, warnings),
      configFile,
      given,
      texts: given.written(),
      withStored: (keys, check) => withStored(layer, keys, check),
    };
  } catch (error) {
    if (!(error instanceof TsujiError)) throw error;
    return { kind: 'error', message: `${error.message}\nsee --help` };
  }
}
