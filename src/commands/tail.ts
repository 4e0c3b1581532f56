/** `tsuji tail`: requests of the tsuji that runs with the same flags, as they end (`/api/ui/tail`). */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { TailLine } from '../control/admin/ui-api/shapes.ts';
import { parseDuration } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { http, https } from '../kernel/node-http.ts';
import { quoted } from '../kernel/quote.ts';
import { adminPlace } from './admin-client.ts';
import type { Arguments } from './arguments.ts';
import { command } from './run-command.ts';
import { tailText } from './tail-text.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Prints requests of the tsuji that runs here with these flags as they end: time, status, method, host and path,
how long it took, frontend, backend and server, the client, and why where it did not go well. Of those that the
filter lets through at most --rate a second are shown, and how many were skipped is told. Values of queries are
hidden unless that tsuji has --web.tail=full.

All that is asked for must hold. FILTER has words, which may stand anywhere, and terms as on the page of live
requests: code:5xx ms>200 host:shop frontend:"shop" -method:GET (quote it for the shell). Ends with Ctrl-C.
`;
const DATA = 'data: ';

/** Options whose value is meant as it stands, and where the term has another name. */
const WHOLE: readonly string[] = ['host', 'frontend', 'backend', 'server', 'method'];

function term(name: string, value: string): string {
  if (value.includes('"')) throw new UsageError(`--${name}: ${quoted(value)} has a quotation mark`);
  return `${name}:"${value}"`;
}

/** The filter that they ask for. */
function filterOf({ words, options }: Arguments): string {
  const terms = [...words];
  for (const name of WHOLE) if (options.has(name)) terms.push(term(name, options.get(name)!));
  // Of paths a part is asked for more often than the whole.
  if (options.has('path')) terms.push(`path:${options.get('path')}`);
  if (options.has('code')) terms.push(`code:${options.get('code')}`);
  const slower = options.get('slower');
  const ms = slower === undefined ? null : parseDuration(slower);
  if (slower !== undefined && ms === null) throw new UsageError(`--slower: ${quoted(slower)} is no duration`);
  if (ms !== null) terms.push(`ms>${ms}`);
  return terms.join(' ');
}

function countOf(options: Arguments['options']): number {
  const count = options.get('count');
  if (count === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,8}$/.test(count)) throw new UsageError(`--count: ${quoted(count)} is no number from 1 on`);
  return Number(count);
}

async function open(url: string): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? https.request : http.request;
  const asked = request(url, { agent: false, rejectUnauthorized: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  const body = await text(response);
  let reason = body.trim();
  try {
    reason = (JSON.parse(body) as { error: string }).error;
  } catch {
    // It is what another one says.
  }
  throw response.statusCode === 400 ? new UsageError(reason) : new Error(reason);
}

export const runTail = command('tail', HELP, async (args, env) => {
  const { options, flags } = args;
  const query = new URLSearchParams({ q: filterOf(args), rate: options.get('rate') ?? '20' });
  let left = countOf(options);
  const url = `${adminPlace(flags, env)}api/ui/tail?${query}`;
  // Whoever reads what is printed has had enough.
  process.stdout.on('error', () => process.exit(0));
  let response: IncomingMessage;
  try {
    response = await open(url);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  }
  for await (const line of createInterface({ input: response })) {
    if (!line.startsWith(DATA)) continue;
    const json = line.slice(DATA.length);
    const data = JSON.parse(json) as TailLine | { readonly skipped: number };
    if ('skipped' in data) {
      if (data.skipped > 0) process.stderr.write(`# ${data.skipped} more were not shown\n`);
      continue;
    }
    process.stdout.write(`${options.has('json') ? json : tailText(data)}\n`);
    if (--left === 0) {
      response.destroy();
      return 0;
    }
  }
  throw new Error('the tsuji that was asked has ended');
});
