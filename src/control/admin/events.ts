/**
 * `/api/events`: server-sent events (WHATWG HTML §9.2) for the dashboard.
 *
 *     event: configuration   what the keys say, whole: at first, and when it has changed
 *     event: live            the rest: at first, on every change, and each 2 s, which is the heartbeat as well
 *
 * A page that cannot keep up misses events and gets the newest state once it has taken the last ones; nothing piles up.
 */
import { timerSpan } from '../../kernel/durations.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { AdminConnection, Fields } from './connection.ts';
import type { Page, PageMaker } from './page.ts';

const HEARTBEAT_MS = 2000;
const SHORTEST_GAP_MS = 250;
/** A change may cost main at most about a tenth of its time, however large the configuration is. */
const GAP_PER_COST = 10;

export const STREAM_FIELDS: Fields = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // Keeps an nginx in front from collecting the events.
  'X-Accel-Buffering': 'no',
};

export type EventContent = {
  readonly configuration: () => Iterable<string>;
  readonly live: () => Iterable<string>;
  readonly onChange: (listener: () => void) => () => void;
};

function* eventText(name: string, data: Iterable<string>): Generator<string> {
  yield `event: ${name}\ndata: `;
  yield* data;
  yield '\n\n';
}

export class EventHub {
  private readonly content: EventContent;
  private readonly maker: PageMaker;
  private readonly maxClients: number;
  /** Those of them that must be told all, because they are new or have missed something. */
  private readonly behind = new Set<AdminConnection>();
  private readonly clients = new Set<AdminConnection>();
  /** As all that are not behind know it; null before the first. */
  private configuration: Page | null = null;
  private heartbeat: NodeJS.Timeout | null = null;
  private pending: NodeJS.Timeout | null = null;
  private nextAt = 0;
  private telling = false;
  private isOutdated = false;
  private unsubscribe: () => void = () => {};

  constructor(content: EventContent, maker: PageMaker, maxClients: number) {
    this.content = content;
    this.maker = maker;
    this.maxClients = maxClients;
  }

  isFull(): boolean {
    return this.clients.size >= this.maxClients;
  }

  /** Answers with the stream; it ends when either side closes it. */
  add(connection: AdminConnection, fields: Fields): void {
    connection.stream({ ...fields, ...STREAM_FIELDS }, 'retry: 1000\n\n');
    if (connection.state !== 'streaming') return;
    connection.onStreamEnd = () => this.remove(connection);
    if (this.clients.size === 0) this.begin();
    this.clients.add(connection);
    this.behind.add(connection);
    void this.tell();
  }

  close(): void {
    for (const client of this.clients) client.end();
    this.clients.clear();
    this.behind.clear();
    this.rest();
  }

  private begin(): void {
    this.isOutdated = true;
    this.unsubscribe = this.content.onChange(() => this.schedule());
    this.heartbeat = setInterval(() => void this.tell(), HEARTBEAT_MS);
  }

  /** Nobody listens: nothing is prepared. */
  private rest(): void {
    this.unsubscribe();
    this.unsubscribe = () => {};
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    if (this.pending !== null) clearTimeout(this.pending);
    this.heartbeat = null;
    this.pending = null;
    this.configuration = null;
  }

  private remove(client: AdminConnection): void {
    this.behind.delete(client);
    if (this.clients.delete(client) && this.clients.size === 0) this.rest();
  }

  private schedule(): void {
    if (this.pending !== null) return;
    const wait = Math.max(this.nextAt - performance.now(), 0);
    this.pending = setTimeout(() => {
      this.pending = null;
      this.isOutdated = true;
      void this.tell();
    }, timerSpan(wait));
  }

  /** What comes while it is at it, a change or a client, is told right after. */
  private async tell(): Promise<void> {
    if (this.telling) return;
    this.telling = true;
    try {
      do await this.tellOnce();
      while (this.clients.size > 0 && (this.isOutdated || this.hasNewClients()));
    } catch (error) {
      // The next heartbeat tries again.
      tellOwnError('dashboard events', error);
    }
    this.telling = false;
  }

  private hasNewClients(): boolean {
    for (const client of this.behind) if (!client.isBusy) return true;
    return false;
  }

  private async tellOnce(): Promise<void> {
    const began = performance.now();
    const changed = this.isOutdated && (await this.renewConfiguration());
    // Whatever happens before they are told: nobody misses a change.
    if (changed) for (const client of this.clients) this.behind.add(client);
    const live = await this.maker.ask('live event', () => eventText('live', this.content.live()));
    const { configuration } = this;
    if (live === null || configuration === null) return;
    for (const client of this.clients) {
      if (client.isBusy) {
        this.behind.add(client);
      } else {
        client.send(this.behind.has(client) ? [configuration, live] : [live]);
        this.behind.delete(client);
      }
    }
    const now = performance.now();
    if (changed) this.nextAt = now + Math.max(SHORTEST_GAP_MS, (now - began) * GAP_PER_COST);
  }

  /** Has it changed? */
  private async renewConfiguration(): Promise<boolean> {
    this.isOutdated = false;
    let page: Page | null;
    try {
      page = await this.maker.ask('configuration event', () =>
        eventText('configuration', this.content.configuration()),
      );
    } catch (error) {
      this.isOutdated = true;
      throw error;
    }
    if (page === null || this.configuration?.equals(page) === true) return false;
    this.configuration = page;
    return true;
  }
}
