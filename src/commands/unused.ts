/** `tsuji unused`: keys that nobody needs, as the tsuji that runs with the same flags has seen it (`/api/unused`). */
import type { Unused } from '../control/admin/unused-page.ts';
import { ADMIN_TIMEOUT_MS, adminPlace, ask } from './admin-client.ts';
import { command, print } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Lists frontends that had no request for so long (7d without --for), and backends, with their servers, to which no
frontend leads. What tsuji knows is what it has watched: it says since when, and never calls a frontend unused for longer
than that. With --snapshot it remembers over restarts. A node sees its own requests; --nodes=all asks all of the prefix.
`;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Beyond what nodes have for their answers. */
const TIMEOUT_MS = 3 * ADMIN_TIMEOUT_MS;

function span(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} days`;
  if (ms >= HOUR_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return ms >= 60_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 1_000)} s`;
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function lines(unused: Unused, now: number): string[] {
  const { watchedSince, watchedEnough, frontends, backends, nodes, missing } = unused;
  const watched = `# watched since ${time(watchedSince)}, for ${span(now - watchedSince)}, by ${nodes.join(', ')}`;
  const short = watchedEnough ? [] : [`# nothing can be called unused for ${span(unused.for)} yet`];
  return [
    watched,
    ...short,
    ...missing.map(({ name, reason }) => `# ${name} may have had requests: ${reason}`),
    ...frontends.map(({ name, lastHit, watchedSince: since }) =>
      lastHit === null
        ? `frontend ${name}  no request since ${time(since)}`
        : `frontend ${name}  last request ${time(lastHit)}, ${span(now - lastHit)} ago`,
    ),
    ...backends.map(({ name, servers }) => {
      const of = servers.length === 0 ? 'it has no servers' : `its servers: ${servers.join(', ')}`;
      return `backend ${name}  no frontend leads to it; ${of}`;
    }),
  ];
}

export const runUnused = command('unused', HELP, async ({ options, flags }, env) => {
  const query = new URLSearchParams();
  for (const name of ['for', 'nodes']) if (options.has(name)) query.set(name, options.get(name)!);
  const { status, body } = await ask(`${adminPlace(flags, env)}api/unused?${query}`, 'GET', TIMEOUT_MS);
  if (status === 400) throw new UsageError((JSON.parse(body) as { error: string }).error);
  if (status !== 200) throw new Error(`the tsuji that was asked answers ${status}: ${body.trim()}`);
  if (options.has('json')) process.stdout.write(body);
  else print(lines(JSON.parse(body) as Unused, Date.now()));
  return 0;
});
