/** `tsuji confirm`: what the guard of the tsuji that runs with the same flags holds back is in force at once. */
import { adminPlace, tellAnswer } from './admin-client.ts';
import { command } from './run-command.ts';

const HELP = `What its guard against mass removal (--guard.removal) holds back is in force at once. To confirm it on all nodes,
write the key guard/confirm below the prefix with a value that it has not had.
Exit code 0: nothing is held any more; 1: it cannot be asked.
`;
const TIMEOUT_MS = 5_000;

export const runConfirm = command('confirm', HELP, ({ flags }, env) =>
  tellAnswer(`${adminPlace(flags, env)}api/guard/confirm`, 'POST', TIMEOUT_MS),
);
