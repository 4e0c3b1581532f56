/**
 * `/api/events`: server-sent events (WHATWG HTML §9.2) for the dashboard.
 *
 *     event: configuration   what the keys say, whole: at first, and when it has changed
 *     event: live            the rest: at first, on every change, and each 2 s, which is the heartbeat as well
 *
 * A page that cannot keep up misses events and gets the newest state once its buffer is empty; nothing piles up.
 */
import type { ServerResponse } from 'node:http';
import { reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';

const HEARTBEAT_MS = 2000;
const SHORTEST_GAP_MS = 250;
/** A change may cost main at most about a tenth of its time, however large the configuration is. */
const GAP_PER_COST = 10;
const STALLED_AFTER_MS = 30_000;

export type EventContent = {
  readonly configuration: () => string;
  readonly live: () => string;
  readonly onChange: (listener: () => void) => () => void;
};

/** `lagging`: when its buffer was found full, 0 while it keeps up. */
type Client = { readonly response: ServerResponse; lagging: number };

export class EventHub {
  private readonly content: EventContent;
  private readonly maxClients: number;
  private readonly clients = new Set<Client>();
  private configuration = '';
  private heartbeat: NodeJS.Timeout | null = null;
  private pending: NodeJS.Timeout | null = null;
  private nextAt = 0;
  private unsubscribe: () => void = () => {};

  constructor(content: EventContent, maxClients: number) {
    this.content = content;
    this.maxClients = maxClients;
  }

  isFull(): boolean {
    return this.clients.size >= this.maxClients;
  }

  /** Answers with the stream; it ends when either side closes it. */
  add(response: ServerResponse): void {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // A stream ends when we close; its connection must not linger for a next request.
      Connection: 'close',
      // Keeps an nginx in front from collecting the events.
      'X-Accel-Buffering': 'no',
    });
    const client: Client = { response, lagging: 0 };
    response.on('close', () => this.remove(client));
    if (this.clients.size === 0) this.begin();
    this.clients.add(client);
    response.write(`retry: 1000\n\n${this.configuration}${this.liveEvent()}`);
  }

  close(): void {
    for (const { response } of this.clients) response.end();
    this.clients.clear();
    this.rest();
  }

  private begin(): void {
    this.configuration = this.configurationEvent();
    this.unsubscribe = this.content.onChange(() => this.schedule());
    this.heartbeat = setInterval(() => guarded(() => this.broadcast(this.liveEvent())), HEARTBEAT_MS);
  }

  /** Nobody listens: nothing is prepared. */
  private rest(): void {
    this.unsubscribe();
    this.unsubscribe = () => {};
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    if (this.pending !== null) clearTimeout(this.pending);
    this.heartbeat = null;
    this.pending = null;
  }

  private remove(client: Client): void {
    if (this.clients.delete(client) && this.clients.size === 0) this.rest();
  }

  private schedule(): void {
    if (this.pending !== null) return;
    const wait = Math.max(this.nextAt - performance.now(), 0);
    this.pending = setTimeout(() => guarded(() => this.sendChange()), wait);
  }

  private sendChange(): void {
    this.pending = null;
    const began = performance.now();
    const configuration = this.configurationEvent();
    let text = this.liveEvent();
    if (configuration !== this.configuration) {
      this.configuration = configuration;
      text = configuration + text;
    }
    this.broadcast(text);
    const now = performance.now();
    this.nextAt = now + Math.max(SHORTEST_GAP_MS, (now - began) * GAP_PER_COST);
  }

  private broadcast(text: string): void {
    const now = performance.now();
    for (const client of this.clients) {
      const { response } = client;
      if (response.writableNeedDrain) {
        if (client.lagging === 0) client.lagging = now;
        else if (now - client.lagging > STALLED_AFTER_MS) response.destroy();
      } else if (client.lagging !== 0) {
        client.lagging = 0;
        response.write(`${this.configuration}${this.liveEvent()}`);
      } else {
        response.write(text);
      }
    }
  }

  private configurationEvent(): string {
    return `event: configuration\ndata: ${this.content.configuration()}\n\n`;
  }

  private liveEvent(): string {
    return `event: live\ndata: ${this.content.live()}\n\n`;
  }
}

/** In a timer nobody else would catch an error, and a page must not end the process. */
function guarded(send: () => void): void {
  try {
    send();
  } catch (error) {
    log.error('the dashboard events cannot be made', { error: reasonOf(error) });
  }
}
