/** One request while a middleware lets it wait. Its exchange may serve another one when whoever was asked answers at last. */
import type { RequestHead } from '../../http/request-head.ts';
import type { Waiting } from '../middleware.ts';
import type { Reply } from '../reply.ts';

/** What lets it go on. */
type Resume = { resume(head: RequestHead, reply: Reply | null): void };

export class Wait implements Waiting {
  head: RequestHead | null = null;
  private readonly exchange: Resume;

  constructor(exchange: Resume) {
    this.exchange = exchange;
  }

  /** `head`: valid for as long as it waits. */
  begin(head: RequestHead): void {
    this.head = head;
  }

  proceed(reply: Reply | null): void {
    const { head } = this;
    if (head === null) return;
    this.head = null;
    this.exchange.resume(head, reply);
  }

  /** The exchange has ended. */
  end(): void {
    this.head = null;
  }
}
