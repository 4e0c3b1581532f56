/**
 * What all commands have in common: `--help`, arguments by the table, and the exit code: 0 for yes, 1 for no or a failure, 2 for
 * a command that was called as it cannot be.
 */
import { parseDuration } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { CommandName } from '../settings/command-rows.ts';
import { commandHelp } from '../settings/help.ts';
import { type Parsed, parseFlags } from '../settings/parse-flags.ts';
import type { EtcdSettings } from '../settings/settings.ts';
import { type Arguments, readArguments, wantsHelp } from './arguments.ts';
import { UsageError } from './usage-error.ts';

/** `argv`: behind the name of the command. Gives the exit code. */
export type Command = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;

/** Gives the exit code. What it throws is told, as its reason. */
export type CommandRun = (args: Arguments, env: NodeJS.ProcessEnv) => Promise<number> | number;

/** `help`: what the command does, with a newline at its end; usage and options come from the table. */
export function command(name: CommandName, help: string, run: CommandRun): Command {
  return async (argv, env) => {
    if (wantsHelp(argv)) {
      process.stdout.write(commandHelp(name, help));
      return 0;
    }
    try {
      return await run(readArguments(name, argv), env);
    } catch (error) {
      const isUsage = error instanceof UsageError;
      const hint = isUsage ? `\nsee tsuji help ${name}` : '';
      process.stderr.write(`${name}: ${reasonOf(error)}${hint}\n`);
      return isUsage ? 2 : 1;
    }
  };
}

/** @throws UsageError for flags that cannot be */
export function readFlags(flags: readonly string[], env: NodeJS.ProcessEnv): Extract<Parsed, { kind: 'run' }> {
  const parsed = parseFlags(flags, env);
  if (parsed.kind === 'run') return parsed;
  throw new UsageError(parsed.kind === 'error' ? parsed.message.replace(/\nsee --help$/, '') : 'help was asked for');
}

/** Which etcd the flags name, that of this host when they name none. */
export function readEtcd(flags: readonly string[], env: NodeJS.ProcessEnv): EtcdSettings {
  return readFlags(flags, env).settings.etcd ?? readFlags([...flags, '--etcd'], env).settings.etcd!;
}

/**
 * Milliseconds of an option.
 * @throws UsageError for what is no duration
 */
export function readDuration(options: Arguments['options'], name: string, fallback: string): number {
  const text = options.get(name) ?? fallback;
  const ms = parseDuration(text);
  if (ms === null)
    throw new UsageError(`--${name}: ${quoted(text)} is no duration: write seconds (10) or units (100ms, 1m30s)`);
  return ms;
}

/** A line each on standard output. */
export function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
