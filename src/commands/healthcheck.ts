/**
 * `tsuji healthcheck`: asks the tsuji that runs with the same flags (shared/spec cli-api §1.4), or the only one here when none
 * are given. It runs every few seconds for ever, so it loads next to nothing: the socket that every tsuji has on Linux
 * (kernel/health-name.ts) is found by a name. Where there is none, `/ping` is asked, for which all settings are needed.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fingerprint, healthPrefix } from '../kernel/health-name.ts';

const TIMEOUT_MS = 5_000;
const MOST_ANSWER = 4_096;

/** Names of the sockets of all that run here. */
function namesHere(): string[] {
  const prefix = healthPrefix();
  if (prefix === '') return [];
  let table: string;
  try {
    table = readFileSync('/proc/net/unix', 'latin1');
  } catch {
    return [];
  }
  // A connection has the name of the socket that accepted it.
  const names = new Set<string>();
  for (const [, name] of table.matchAll(/ @(\S+)$/gm)) if (name.startsWith(prefix)) names.add(name);
  return [...names];
}

/** One line, what it says; what went wrong otherwise. */
function ask(name: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ path: `\0${name}` });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)), TIMEOUT_MS);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      if (answer.length < MOST_ANSWER) answer += text;
    });
    socket.on('error', (error) => {
      answer = error.message;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer.trim());
    });
  });
}

/** The fingerprint is the last part but one. */
function printOf(name: string): string {
  return name.split('/').at(-2) ?? '';
}

/** Those that are meant. While one takes over from another there are two. */
function meant(names: readonly string[], flags: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const wanted = fingerprint(flags, env);
  const same = names.filter((name) => printOf(name) === wanted);
  if (same.length > 0 || flags.length > 0) return same;
  return new Set(names.map(printOf)).size === 1 ? [...names] : [];
}

/** Prints what it found and gives the exit code: 0 when it is well, else 1. */
export async function runHealthcheck(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const isQuestion = flags.some((flag) => /^(?:-h|--help)$/i.test(flag));
  const names = isQuestion ? [] : namesHere();
  const answers = await Promise.all(meant(names, flags, env).map(ask));
  const good = answers.find((answer) => answer.startsWith('OK'));
  if (good !== undefined) {
    process.stdout.write(`${good}\n`);
    return 0;
  }
  if (answers.length > 0) {
    process.stderr.write(`healthcheck: ${answers[0] === '' ? 'no answer' : answers[0]}\n`);
    return 1;
  }
  const { askPing } = await import('./ask-ping.ts');
  return askPing(flags, env, names.length);
}
