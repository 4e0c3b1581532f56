import type { ServerView } from '../../table/views.ts';

/** Has that server failed a request that has come to these? Tables come and go: its slot tells. */
export function wasTried(server: ServerView, tried: readonly ServerView[]): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i].slot === server.slot) return true;
  return false;
}
