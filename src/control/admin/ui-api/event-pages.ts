/** Events, page by page, and how many there were in each quarter of an hour of a day. */
import type { Board } from '../../board/board.ts';
import { filterOf } from './filter.ts';
import { EVENTS_LIST } from './list-records.ts';
import { wholeNumber } from './lists.ts';
import type { BadTerm, BoardEvent, EventPage } from './shapes.ts';

const DEFAULT_LIMIT = 60;
const MOST_LIMIT = 200;
const BARS = 96;
const BAR_MS = 900_000;

function barsOf({ events, now }: Board): Pick<EventPage, 'barsFrom' | 'bars'> {
  const last = Math.floor(now() / BAR_MS);
  const bars = Array.from({ length: BARS }, (): [number, number] => [0, 0]);
  for (const { t, worse, n } of events.log.before()) {
    const bar = Math.floor(t / BAR_MS) - last + BARS - 1;
    if (bar < 0) break;
    if (bar < BARS) bars[bar][worse > 0 ? 0 : 1] += n;
  }
  return { barsFrom: (last - BARS + 1) * BAR_MS, bars };
}

/** `before`: an id; the newest first. @throws BadRequest */
export function eventPage(board: Board, query: URLSearchParams): EventPage {
  const before = wholeNumber(query.get('before'), 'before', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query.get('limit'), 'limit', DEFAULT_LIMIT, MOST_LIMIT);
  const { matches, bad } = filterOf(query.get('q') ?? '', EVENTS_LIST.fields(board));
  const found: BoardEvent[] = [];
  let more = false;
  for (const event of bad.length > 0 ? [] : board.events.log.before(before)) {
    if (!matches(event)) continue;
    more = found.length === limit;
    if (more) break;
    found.push(event);
  }
  const wrong: { readonly bad?: readonly BadTerm[] } = bad.length > 0 ? { bad } : {};
  return { events: found, more, ...(query.has('before') ? {} : barsOf(board)), ...wrong };
}
