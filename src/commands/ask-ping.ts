/** `/ping` of the tsuji that runs with the same flags, for a healthcheck that has found no socket of it (healthcheck.ts). */
import { reasonOf } from '../kernel/errors.ts';
import { http, https } from '../kernel/node-http.ts';
import { commandHelp } from '../settings/help.ts';
import { parseFlags } from '../settings/parse-flags.ts';
import { pingUrl } from '../settings/ping-url.ts';

const HELP = `Asks the tsuji that runs here with these flags, or the only one when none are given, how it is; where it has no
socket for that, its /ping. Exit code 0: it is well; 1: it is not, cannot be asked, or these are no flags.
`;
const TIMEOUT_MS = 5000;

/** Status of a HEAD request. The timeout is for the whole exchange; certificates are not verified, as in Traefik. */
function headStatus(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const request = url.startsWith('https:') ? https.request : http.request;
    const options = { method: 'HEAD', agent: false, signal, rejectUnauthorized: false } as const;
    const asked = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
      // Several addresses that all refuse give an error without a message.
      else reject(error.message === '' ? new Error(error.code ?? 'no connection') : error);
    });
    asked.end();
  });
}

/**
 * `others`: how many run here with other flags.
 * Prints what it found and gives the exit code: 0 when ping answers 200, else 1.
 */
export async function askPing(flags: readonly string[], env: NodeJS.ProcessEnv, others: number): Promise<number> {
  const parsed = parseFlags(flags, env);
  if (parsed.kind === 'help') {
    process.stdout.write(commandHelp('healthcheck', HELP));
    return 0;
  }
  if (parsed.kind === 'error') {
    process.stderr.write(`${parsed.message}\n`);
    return 1;
  }
  const { web } = parsed.settings;
  if (web === null || web.port === 0) {
    const hint = others === 0 ? '' : `; ${others} run with others: give the flags of the one that is meant`;
    process.stderr.write(`healthcheck: no tsuji runs here with these flags${hint}\n`);
    return 1;
  }
  const url = pingUrl(web);
  try {
    const status = await headStatus(url);
    if (status === 200) {
      process.stdout.write(`OK: ${url}\n`);
      return 0;
    }
    process.stderr.write(`healthcheck: ${url} answered ${status}\n`);
  } catch (error) {
    process.stderr.write(`healthcheck: ${url}: ${reasonOf(error)}\n`);
  }
  return 1;
}
