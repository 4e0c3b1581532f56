/** What the limit of a backend and its servers are to a request, in words. Pure. */
import { goDuration } from '../../kernel/durations.ts';
import { quoted } from '../../kernel/quote.ts';
import type { ExplainedLimit, ExplainedServer } from '../../protocol/explanation.ts';

/** What becomes of it at the limit, and of how many it is one. */
export function limitText({ source, most, inProgress, places, waiting, timeoutMs, becomes }: ExplainedLimit): string {
  const now = `${inProgress} of ${Math.max(most, 0)} requests of ${quoted(source)} are in progress (maxconn)`;
  const wait = goDuration(timeoutMs / 1_000);
  if (becomes === 'let in') return now;
  if (becomes === 'waits') {
    return `${now}: it would wait for a place behind ${waiting} others, for ${wait} at most, and then be answered 503`;
  }
  return places > 0 ? `${now}, and all ${places} places to wait are taken: it is refused` : `${now}: it is refused`;
}

/** Who of them is asked, also where that is for want of others; or why nobody is. */
export function serversText(servers: readonly ExplainedServer[]): string {
  if (servers.length === 0) return 'the backend has no server';
  const able = servers.filter(({ chance }) => chance > 0);
  const states = new Map<string, number>();
  for (const { state } of servers) states.set(state, (states.get(state) ?? 0) + 1);
  const counted = [...states].map(([state, count]) => `${count} ${state}`).join(', ');
  if (able.length === 0)
    return `none of its ${servers.length} servers may get it (${counted}), and none is asked anyway`;
  const may = `${able.length} of ${servers.length} may get it`;
  const all = (state: ExplainedServer['state']) => able.every((server) => server.state === state);
  if (all('ejected')) return `${may}: ejected ones are asked, since no other is left`;
  if (all('suspect')) return `${may}: those whose lease ran out are asked, since no other is left`;
  if (all('failing'))
    return `${may}, and every one of them has failed its last try: it is asked anyway, and its client gets a 5xx if it fails again`;
  return may;
}

export function percent(chance: number): string {
  return `${Number((100 * chance).toFixed(1))} %`;
}
