/** Asks the admin pages of the tsuji that runs here with the same flags, for commands. */
import { text } from 'node:stream/consumers';
import { timerSpan } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { http, https } from '../kernel/node-http.ts';
import { adminUrl } from '../settings/ping-url.ts';
import { readFlags } from './run-command.ts';
import { UsageError } from './usage-error.ts';

/** Of a whole exchange. */
export const ADMIN_TIMEOUT_MS = 10_000;

export type AdminAnswer = { readonly status: number; readonly body: string };

/**
 * Their URL, with a slash at its end.
 * @throws UsageError when the flags do not say it
 */
export function adminPlace(flags: readonly string[], env: NodeJS.ProcessEnv): string {
  const { web } = readFlags(flags, env).settings;
  if (web === null || web.port === 0) {
    throw new UsageError('the tsuji that is asked needs --web, on a port that is known; give its flags');
  }
  return adminUrl(web);
}

/** The timeout is for the whole exchange; certificates are not verified, as by the healthcheck. */
export function ask(url: string, method: 'GET' | 'POST', ms: number, body = ''): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? https.request : http.request;
    const signal = AbortSignal.timeout(timerSpan(ms));
    const asked = request(url, { method, agent: false, signal, rejectUnauthorized: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      // Several addresses that all refuse give an error without a message.
      const reason = signal.aborted ? `no answer within ${ms / 1_000} s` : reasonOf(error) || error.code;
      reject(new Error(`${url}: ${reason}`, { cause: error }));
    });
    asked.end(body);
  });
}

/**
 * Prints the answer, on stderr where it is none of 200. Gives the exit code.
 * @throws Error that names the URL when there is no answer
 */
export async function tellAnswer(url: string, method: 'GET' | 'POST', ms: number): Promise<number> {
  const { status, body } = await ask(url, method, ms);
  (status === 200 ? process.stdout : process.stderr).write(body);
  return status === 200 ? 0 : 1;
}

/** Our own answers are objects; of whatever else listens there the text is told. */
export function answerReason(body: string): string {
  try {
    return (JSON.parse(body) as { error: string }).error;
  } catch {
    return body.trim();
  }
}
