/**
 * A downstream that gives its client nothing before the whole response is here. What never ends (event streams, gRPC, tunnels)
 * passes as it comes.
 */
import { isEndless } from '../../http/fields.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { type Downstream, sendWhole, TUNNEL } from '../downstream.ts';
import type { Scope, WrapperEvents } from '../middleware.ts';
import { Spool, type SpoolUser } from '../spool/spool.ts';
import { PassingDownstream } from './passing-downstream.ts';

type Head = string | Uint8Array;

function headText(head: Head): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

export class BufferingDownstream extends PassingDownstream implements SpoolUser {
  heldBytes = 0;
  private readonly exchange: Scope;
  /** Bytes; 0: no limit. */
  private readonly mostBytes: number;
  /** Of it, in memory. */
  private readonly memoryBytes: number;
  private head: Head = '';
  private close = false;
  /** null where the response passes as it comes. */
  private spool: Spool | null = null;
  private begun = false;

  constructor(inner: Downstream, events: WrapperEvents, exchange: Scope, mostBytes: number, memoryBytes: number) {
    super(inner, events);
    this.exchange = exchange;
    this.mostBytes = mostBytes;
    this.memoryBytes = memoryBytes;
  }

  /** Nothing goes out before the response is here. */
  override inform(): void {}

  override begin(head: Head, length: number, close: boolean): void {
    this.head = head;
    this.close = close;
    if (length === TUNNEL || isEndless(headText(head))) this.inner.begin(head, length, close);
    else this.spool = new Spool(this.exchange.worker, this, this.memoryBytes);
  }

  override write(chunk: Uint8Array): boolean {
    const { spool } = this;
    if (spool === null) return this.inner.write(chunk);
    if (this.mostBytes > 0 && spool.length + chunk.length > this.mostBytes) {
      this.forget();
      this.exchange.fail(FAULTS.responseOverBuffer);
      return true;
    }
    // It is the caller's again when this returns.
    return spool.add(Buffer.from(chunk));
  }

  /** Its trailers stand behind a length, where they cannot be sent. */
  override end(trailers: string): boolean {
    const { spool } = this;
    if (spool === null) return this.inner.end(trailers);
    const pieces = spool.inMemory;
    if (pieces === null) {
      spool.end();
      return false;
    }
    const { head, close } = this;
    const body = Buffer.concat(pieces);
    this.forget();
    return sendWhole(this.inner, head, body.length, body, '', close);
  }

  spoolWritable(): void {
    this.events.downstreamWritable();
  }

  spoolWhole(): void {
    const { spool } = this;
    this.begun = true;
    this.inner.begin(this.head, spool!.length, this.close);
    spool!.play();
  }

  spoolPiece(chunk: Buffer): boolean {
    return this.inner.write(chunk);
  }

  spoolThrough(): void {
    this.forget();
    if (this.inner.end('')) this.events.downstreamWritable();
  }

  spoolFailed(fault: Fault, detail: string): void {
    this.spool = null;
    if (this.begun) this.exchange.breakOff(fault, detail);
    else this.exchange.fail(fault);
  }

  crash(error: unknown): void {
    this.events.crash(error);
  }

  override innerWritable(): void {
    if (this.spool === null) super.innerWritable();
    else this.spool.resume();
  }

  endOverBudget(): void {
    this.forget();
    this.exchange.fail(FAULTS.overBudget);
  }

  private forget(): void {
    this.spool?.close();
    this.spool = null;
  }

  override abort(code: number): void {
    this.forget();
    super.abort(code);
  }

  override release(requestComplete: boolean): void {
    this.forget();
    super.release(requestComplete);
  }
}
