/** Asks the admin pages of the tsuji that runs here with the same flags, for commands. */
import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { timerSpan } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { parseFlags } from '../settings/parse-flags.ts';
import { adminUrl } from '../settings/ping-url.ts';

export type AdminAnswer = { readonly status: number; readonly body: string };

/** Their URL, with a slash at its end, or why there is none. */
export function adminPlace(flags: readonly string[], env: NodeJS.ProcessEnv): { url: string } | { reason: string } {
  const parsed = parseFlags(flags, env);
  if (parsed.kind !== 'run') return { reason: parsed.kind === 'error' ? parsed.message : parsed.text };
  const { web } = parsed.settings;
  if (web === null || web.port === 0) {
    return { reason: 'the tsuji that is asked needs --web, on a port that is known; give its flags' };
  }
  return { url: adminUrl(web) };
}

/** The timeout is for the whole exchange; certificates are not verified, as by the healthcheck. */
function ask(url: string, method: 'GET' | 'POST', ms: number): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestSecure : requestPlain;
    const signal = AbortSignal.timeout(timerSpan(ms));
    const asked = request(url, { method, agent: false, signal, rejectUnauthorized: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

export function refuse(command: string, reason: string): number {
  process.stderr.write(`${command}: ${reason.trimEnd()}\n`);
  return 1;
}

/** Prints the answer, on stderr where it is none of 200. Gives the exit code. */
export async function tellAnswer(command: string, url: string, method: 'GET' | 'POST', ms: number): Promise<number> {
  try {
    const { status, body } = await ask(url, method, ms);
    (status === 200 ? process.stdout : process.stderr).write(body);
    return status === 200 ? 0 : 1;
  } catch (error) {
    return refuse(command, `${url}: ${reasonOf(error)}`);
  }
}
