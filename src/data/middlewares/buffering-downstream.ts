/**
 * A downstream that gives its client nothing before the whole response is here, and asks for another one when the
 * expression of its backend says so. What never ends (event streams, gRPC, tunnels) passes as it comes.
 */
import { isEndless } from '../../http/fields.ts';
import { FAULTS } from '../../kernel/errors.ts';
import type { BufferingOptions } from '../../middlewares/buffering.ts';
import { holds } from '../../middlewares/retry-expression.ts';
import { type Downstream, sendWhole, TUNNEL } from '../downstream.ts';
import type { BufferHolder } from '../memory-budget.ts';
import type { Scope, WrapperEvents } from '../middleware.ts';
import { PassingDownstream } from './passing-downstream.ts';

/** Tries of one request in all, whatever the expression says. */
const MAX_ATTEMPTS = 11;

type Head = string | Uint8Array;

function headText(head: Head): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

export class BufferingDownstream extends PassingDownstream implements BufferHolder {
  heldBytes = 0;
  private readonly exchange: Scope;
  private readonly options: BufferingOptions;
  private readonly method: string;
  private attempts = 0;
  /** The response passes as it comes. */
  private passes = false;
  private head: Head = '';
  private close = false;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(inner: Downstream, events: WrapperEvents, exchange: Scope, options: BufferingOptions, method: string) {
    super(inner, events);
    this.exchange = exchange;
    this.options = options;
    this.method = method;
  }

  /** Interim responses would be those of a try that may not count. */
  override inform(): void {}

  override respond(
    head: Head,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    if (!this.repeats(head)) this.inner.respond(head, length, body, headLength, close);
  }

  /** The request is sent once more, and this response is for nobody. */
  private repeats(head: Head): boolean {
    this.attempts++;
    const { retry } = this.options;
    if (retry === null || this.attempts >= MAX_ATTEMPTS) return false;
    const code = Number(headText(head).slice(0, 3));
    return holds(retry, { attempts: this.attempts, code, method: this.method }) && this.exchange.repeat();
  }

  override begin(head: Head, length: number, close: boolean): void {
    this.head = head;
    this.close = close;
    this.passes = length === TUNNEL || isEndless(headText(head));
    if (this.passes) this.inner.begin(head, length, close);
  }

  override write(chunk: Uint8Array): boolean {
    if (this.passes) return this.inner.write(chunk);
    const { maxResponseBodyBytes } = this.options;
    this.bytes += chunk.length;
    if (maxResponseBodyBytes > 0 && this.bytes > maxResponseBodyBytes) {
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
    if (this.repeats(head)) return true;
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
