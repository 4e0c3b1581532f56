/** `tsuji confirm`: what the guard of the tsuji that runs with the same flags holds back is in force at once. */
import { commandHelp } from '../settings/help.ts';
import { adminPlace, refuse, tellAnswer } from './admin-client.ts';

const HELP = `What its guard against mass removal (--guard.removal) holds back is in force at once. To confirm it on all nodes,
write the key guard/confirm below the prefix with a value that it has not had.
Exit code 0: nothing is held any more; 1: it cannot be asked.
`;
const TIMEOUT_MS = 5_000;

/** `argv`: behind the name of the command. Gives the exit code. */
export async function runConfirm(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(commandHelp('confirm', HELP));
    return 0;
  }
  const place = adminPlace(argv, env);
  if ('reason' in place) return refuse('confirm', place.reason);
  return tellAnswer('confirm', `${place.url}api/guard/confirm`, 'POST', TIMEOUT_MS);
}
