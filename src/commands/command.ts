/** What `tsuji COMMAND` runs, each loaded only when it is asked for: a health check comes every few seconds. */

import type { CommandName } from '../settings/command-rows.ts';

/** `argv`: behind the name of the command. Gives the exit code. */
export type Command = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;

/** `version` is printed by `start.ts`. */
const COMMANDS: Readonly<Record<Exclude<CommandName, 'version'>, () => Promise<Command>>> = {
  healthcheck: async () => (await import('./healthcheck.ts')).runHealthcheck,
  wait: async () => (await import('./wait.ts')).runWait,
  confirm: async () => (await import('./confirm.ts')).runConfirm,
  history: async () => (await import('./history.ts')).runHistory,
  diff: async () => (await import('./history.ts')).runDiff,
  rollback: async () => (await import('./history.ts')).runRollback,
};

/** null: it is none of these. */
export function commandOf(name: string): (() => Promise<Command>) | null {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name as keyof typeof COMMANDS] : null;
}
