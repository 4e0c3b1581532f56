/**
 * Who wants to know of the exchanges of a worker, besides its counts: the access log, and live tails while somebody looks. As
 * long as there is one, each exchange that begins keeps a record of what is gone by its end.
 */
import type { RequestHead } from '../http/request-head.ts';
import type { AccessLog, LoggedExchange } from './access-log/access-log.ts';
import { ExchangeRecord } from './access-log/exchange-record.ts';
import type { Downstream } from './downstream.ts';
import type { Outcome } from './exchange/outcome.ts';
import type { LiveTail } from './tail/live-tail.ts';

/** What an exchange says of itself, besides its outcome. */
export interface ObservedExchange extends LoggedExchange {
  /** Of the client, as somebody has found it; null: that of its connection. */
  readonly clientAddress: string | null;
}

/** Without an access log nobody asks for more than texts of the request. */
const LEAST = { connection: false, heads: false };

export class Observers {
  /** null: nobody looks. */
  tail: LiveTail | null = null;
  private readonly accessLog: AccessLog | null;

  constructor(accessLog: AccessLog | null) {
    this.accessLog = accessLog;
  }

  get isEmpty(): boolean {
    return this.accessLog === null && this.tail === null;
  }

  /** For one exchange, and all that it serves later. */
  record(): ExchangeRecord {
    return this.accessLog === null ? new ExchangeRecord(LEAST) : this.accessLog.record();
  }

  /** As `ExchangeRecord.begin` says. */
  begins(record: ExchangeRecord, client: Downstream, head: RequestHead, fields: string, requestId: string): void {
    record.begin(this.accessLog === null ? 0 : this.accessLog.nextRequest(), client, head, fields, requestId);
  }

  ended(outcome: Outcome, exchange: ObservedExchange, record: ExchangeRecord): void {
    this.accessLog?.ended(outcome, exchange, record);
    this.tail?.ended(outcome, record, exchange.clientTarget, exchange.clientAddress ?? record.peer);
  }
}
