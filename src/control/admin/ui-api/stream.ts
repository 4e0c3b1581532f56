/**
 * `/api/ui/stream`: server-sent events (WHATWG HTML §9.2), small whatever is configured.
 *
 *     event: overview   after each look, 2 s apart
 *     event: findings   when they have changed
 *     event: event      each event, ten a second at most; one that others have joined comes again with the same id
 *     event: more       {"n": those that were left out}
 *
 * The id counts the messages that are kept for a minute, which overviews are not, so that `Last-Event-ID` goes on after a break. Who lags gets the newest
 * overview and what it has missed of the rest; nothing piles up.
 */
import { timerSpan } from '../../../kernel/durations.ts';
import type { Board } from '../../board/board.ts';
import { overviewOf } from '../../board/facts.ts';
import type { AdminConnection, Fields } from '../connection.ts';
import { Page } from '../page.ts';
import type { BoardEvent } from './shapes.ts';

export const MOST_STREAMS = 64;
const KEPT_MS = 60_000;
const MOST_PER_SECOND = 10;
const FLUSH_MS = 250;

const STREAM_FIELDS: Fields = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // Keeps an nginx in front from collecting the events.
  'X-Accel-Buffering': 'no',
};

type Kept = { readonly id: number; readonly at: number; readonly page: Page };

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function numbered(id: number, event: string, data: unknown): Page {
  return Page.of(`id: ${id}\n${message(event, data)}`);
}

export class UiStream {
  private readonly board: Board;
  /** With the id of the last message that each was sent. */
  private readonly clients = new Map<AdminConnection, number>();
  private kept: Kept[] = [];
  private id = 0;
  /** By id of the event, those that nobody was told yet. */
  private readonly pending = new Map<number, BoardEvent>();
  private leftOut = 0;
  private second = 0;
  private inSecond = 0;
  private findingsRevision = -1;
  private overview: Page | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(board: Board) {
    this.board = board;
    board.listeners.add(() => this.looked());
    board.events.log.onEvent = (event) => this.happened(event);
  }

  isFull(): boolean {
    return this.clients.size >= MOST_STREAMS;
  }

  /** Answers with the stream. `last`: the id of the last message that the page has had, -1 for none. */
  add(connection: AdminConnection, fields: Fields, last: number): void {
    connection.stream({ ...fields, ...STREAM_FIELDS }, 'retry: 2000\n\n');
    if (connection.state !== 'streaming') return;
    connection.onStreamEnd = () => this.clients.delete(connection);
    const oldest = this.kept[0]?.id ?? this.id + 1;
    const goesOn = last >= oldest - 1 && last <= this.id;
    this.clients.set(connection, goesOn ? last : this.id);
    this.overview ??= this.overviewPage();
    const findings = numbered(this.id, 'findings', this.board.findings);
    this.send(connection, goesOn ? [this.overview] : [this.overview, findings]);
  }

  close(): void {
    for (const client of this.clients.keys()) client.end();
    this.clients.clear();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private overviewPage(): Page {
    return Page.of(message('overview', overviewOf(this.board)));
  }

  private looked(): void {
    const { revisions, findings } = this.board;
    this.forgetOld();
    if (revisions.findings !== this.findingsRevision) {
      this.findingsRevision = revisions.findings;
      this.keep('findings', findings);
    }
    // Nobody listens: nothing is prepared.
    this.overview = this.clients.size === 0 ? null : this.overviewPage();
    for (const client of this.clients.keys()) if (this.overview !== null) this.send(client, [this.overview]);
  }

  private happened(event: BoardEvent): void {
    this.pending.set(event.id, event);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.flush();
    }, timerSpan(FLUSH_MS)).unref();
  }

  private flush(): void {
    const second = Math.floor(this.board.now() / 1_000);
    if (second !== this.second) this.inSecond = 0;
    this.second = second;
    for (const event of this.pending.values()) {
      if (this.inSecond < MOST_PER_SECOND) this.keep('event', event);
      else this.leftOut++;
      this.inSecond++;
    }
    this.pending.clear();
    if (this.leftOut > 0) {
      this.keep('more', { n: this.leftOut });
      this.leftOut = 0;
    }
    for (const client of this.clients.keys()) this.send(client, []);
  }

  private keep(event: string, data: unknown): void {
    this.id++;
    this.kept.push({ id: this.id, at: this.board.now(), page: numbered(this.id, event, data) });
  }

  private forgetOld(): void {
    const from = this.board.now() - KEPT_MS;
    const first = this.kept.findIndex(({ at }) => at >= from);
    if (first !== 0) this.kept = first < 0 ? [] : this.kept.slice(first);
  }

  /** What it has missed, and `pages`; nothing while it is busy. */
  private send(client: AdminConnection, pages: readonly Page[]): void {
    if (client.isBusy) return;
    const last = this.clients.get(client) ?? this.id;
    const missed = this.kept.filter(({ id }) => id > last).map(({ page }) => page);
    this.clients.set(client, this.id);
    if (missed.length + pages.length > 0) client.send([...missed, ...pages]);
  }
}
