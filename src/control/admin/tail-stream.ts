/**
 * `/api/ui/tail?q&rate`: requests as they end, as server-sent events (WHATWG HTML §9.2).
 *
 *     data: a TailLine       each request that the filter lets through, at most `rate` a second
 *     data: {"skipped":N}    each second: so many more that it let through
 *
 *     400 a filter that nobody understands, with what is wrong · 403 turned off · 503 too many look already
 */
import { MOST_TAILS } from '../../protocol/tails.ts';
import { tailFilter } from '../tail/tail-query.ts';
import type { ControlView } from '../view.ts';
import type { AdminConnection, Fields } from './connection.ts';
import { STREAM_FIELDS } from './events.ts';
import { jsonText } from './json.ts';
import { Page } from './page.ts';

const DEFAULT_RATE = 20;
const MOST_RATE = 50;

export type TailRefusal = { readonly status: 400 | 403 | 503; readonly text: string };

function refusal(status: TailRefusal['status'], reason: string, more: object = {}): TailRefusal {
  return { status, text: `${jsonText({ error: reason, ...more })}\n` };
}

/** null: it is answered by a stream. `query`: what stands behind the question mark. */
export function streamTail(
  view: ControlView,
  query: string,
  connection: AdminConnection,
  fields: Fields,
): TailRefusal | null {
  const tails = view.tails();
  if (tails === null) return refusal(403, 'live requests are turned off (--web.tail=off)');
  const asked = new URLSearchParams(query);
  const rate = Number(asked.get('rate') ?? DEFAULT_RATE);
  if (!Number.isInteger(rate) || rate < 1 || rate > MOST_RATE) {
    return refusal(400, `rate: it is a whole number from 1 to ${MOST_RATE}`);
  }
  const { meant, bad } = tailFilter(asked.get('q') ?? '');
  if (bad.length > 0) return refusal(400, bad.map(({ term, why }) => `${term}: ${why}`).join('; '), { bad });
  const send = (data: string): boolean => {
    // Nothing piles up for who is slow.
    if (connection.isBusy) return false;
    connection.send([Page.of(data)]);
    return true;
  };
  let skipped = 0;
  const leave = tails.watch({
    filter: meant,
    rate,
    onLines: (lines) => send(lines.map((line) => `data: ${line}\n\n`).join('')),
    onSkipped: (count) => {
      skipped += count;
      if (send(`data: {"skipped":${skipped}}\n\n`)) skipped = 0;
    },
  });
  if (leave === null) return refusal(503, `${MOST_TAILS} look at live requests already`);
  connection.stream({ ...fields, ...STREAM_FIELDS }, 'retry: 1000\n\n');
  if (connection.state === 'streaming') connection.onStreamEnd = leave;
  else leave();
  // Its head goes out with what is sent first.
  send(': live\n\n');
  return null;
}
