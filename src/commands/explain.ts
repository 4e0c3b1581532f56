/** `tsuji explain`: what would become of a request, as the tsuji that runs with the same flags would treat it. */

import type { Explanation } from '../control/explain/explanation.ts';
import { ADMIN_TIMEOUT_MS, adminPlace, answerReason, ask } from './admin-client.ts';
import { explanationText } from './explanation-text.ts';
import { command } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Says which frontend a request would get and why, which others match as well, what each middleware would do, which
servers may get it with which chance and why others may not, and what would be sent. A worker of the tsuji that runs here with
these flags decides, by what it serves with: a password or a token given by --header is judged, as is what limits have
left. Nothing is sent, no turn or token is taken, and nobody outside is asked.
Exit code 0: a server would get it; 1: tsuji answers it itself, or cannot be asked; 2: wrongly called.
`;
/** Beyond what a worker has for its answer. */
const TIMEOUT_MS = 2 * ADMIN_TIMEOUT_MS;

/** `argv`: behind the name of the command. Gives the exit code. */
export const runExplain = command('explain', HELP, async ({ words: [url], options, flags }, env) => {
  const { format = 'text', header, ...asked } = Object.fromEntries(options);
  if (url === undefined && asked.host === undefined) {
    throw new UsageError('it needs a URL, or --host=NAME with --path=PATH');
  }
  const place = url === undefined || /^\/|:\/\//.test(url) ? url : `http://${url}`;
  const body = {
    ...asked,
    ...(place === undefined ? { path: asked.path ?? '/' } : { url: place }),
    headers: header === undefined ? [] : header.split('\n'),
  };
  const answer = await ask(`${adminPlace(flags, env)}api/explain`, 'POST', TIMEOUT_MS, JSON.stringify(body));
  if (answer.status !== 200) throw new Error(answerReason(answer.body));
  const explanation = JSON.parse(answer.body) as Explanation;
  process.stdout.write(format === 'json' ? answer.body : explanationText(explanation));
  return explanation.served ? 0 : 1;
});
