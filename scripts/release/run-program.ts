import { execFileSync } from 'node:child_process';

/** Runs a program to its end and gives what it printed. Throws, with what it said on stderr, when it fails. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  return execFileSync(command, args, {
    ...options,
    // The same words and times whoever runs it.
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', ...options.env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}
