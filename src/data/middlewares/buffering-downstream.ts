/**
 * A downstream that gives its client nothing before the whole response is here. What never ends (event streams, gRPC, tunnels)
 * passes as it comes.
 */
import { isEndless } from '../../http/fields.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { type Downstream, sendWhole, TUNNEL } from '../downstream.ts';
import type { BufferHolder } from '../memory-budget.ts';
import type { Scope, WrapperEvents } from '../middleware.ts';
import { PassingDownstream } from './passing-downstream.ts';

type Head = string | Uint8Array;

function headText(head: Head): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

export class BufferingDownstream extends PassingDownstream implements BufferHolder {
  heldBytes = 0;
  private readonly exchange: Scope;
  /** Bytes; 0: no limit. */
  private readonly mostBytes: number;
  /** The response passes as it comes. */
  private passes = false;
  private head: Head = '';
  private close = false;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(inner: Downstream, events: WrapperEvents, exchange: Scope, mostBytes: number) {
    super(inner, events);
    this.exchange = exchange;
    this.mostBytes = mostBytes;
  }

  /** Nothing goes out before the response is here. */
  override inform(): void {}

  override begin(head: Head, length: number, close: boolean): void {
    this.head = head;
    this.close = close;
    this.passes = length === TUNNEL || isEndless(headText(head));
    if (this.passes) this.inner.begin(head, length, close);
  }

  override write(chunk: Uint8Array): boolean {
    if (this.passes) return this.inner.write(chunk);
    this.bytes += chunk.length;
    if (this.mostBytes > 0 && this.bytes > this.mostBytes) {
      this.forget();
      this.exchange.fail(FAULTS.responseOverBuffer);
      return true;
    }
    // It is the caller's again when this returns.
    this.chunks.push(Buffer.from(chunk));
    this.exchange.worker.budget.hold(this, this.bytes);
    return true;
  }

  override end(trailers: string): boolean {
    if (this.passes) return this.inner.end(trailers);
    const { head, close } = this;
    const body = Buffer.concat(this.chunks);
    this.forget();
    return sendWhole(this.inner, head, body.length, body, trailers, close);
  }

  endOverBudget(): void {
    this.forget();
    this.exchange.fail(FAULTS.overBudget);
  }

  private forget(): void {
    this.chunks = [];
    this.bytes = 0;
    if (this.heldBytes > 0) this.exchange.worker.budget.release(this);
  }

  override abort(): void {
    this.forget();
    super.abort();
  }

  override release(requestComplete: boolean): void {
    this.forget();
    super.release(requestComplete);
  }
}
