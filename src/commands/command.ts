/** What `tsuji COMMAND` runs, each loaded only when it is asked for: a health check comes every few seconds. */

import type { CommandName } from '../settings/command-rows.ts';
import type { Command } from './run-command.ts';

const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  version: async () => (await import('./version.ts')).runVersion,
  help: async () => (await import('./help.ts')).runHelp,
  healthcheck: async () => (await import('./healthcheck.ts')).runHealthcheck,
  wait: async () => (await import('./wait.ts')).runWait,
  confirm: async () => (await import('./confirm.ts')).runConfirm,
  explain: async () => (await import('./explain.ts')).runExplain,
  keys: async () => (await import('./keys.ts')).runKeys,
  unused: async () => (await import('./unused.ts')).runUnused,
  tail: async () => (await import('./tail.ts')).runTail,
  check: async () => (await import('./check.ts')).runCheck,
  history: async () => (await import('./history.ts')).runHistory,
  diff: async () => (await import('./history.ts')).runDiff,
  rollback: async () => (await import('./history.ts')).runRollback,
  config: async () => (await import('./config.ts')).runConfig,
  storeconfig: async () => (await import('./storeconfig.ts')).runStoreconfig,
  convert: async () => (await import('./convert.ts')).runConvert,
  completion: async () => (await import('./completion.ts')).runCompletion,
  top: async () => (await import('./top.ts')).runTop,
  register: async () => (await import('./register.ts')).runRegister,
};

function has(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

/** `argv`: of tsuji. null: it names no command. `rest`: what the command is called with. */
export function commandOf(
  argv: readonly string[],
): { readonly load: () => Promise<Command>; readonly rest: readonly string[] } | null {
  const [word = '', next = ''] = argv.map((argument) => argument.toLowerCase());
  const name = word === '--version' ? 'version' : word;
  if (name === 'help' && has(next)) return { load: COMMANDS[next], rest: ['--help'] };
  return has(name) ? { load: COMMANDS[name], rest: argv.slice(1) } : null;
}
