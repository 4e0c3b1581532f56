/**
 * The client's side of an exchange on uWebSockets. Its response object may only be written to inside `cork`, and cork
 * takes a function: those are bound once here, and their arguments pass through fields, so that a request costs no
 * closure.
 *
 * Back-pressure. With a known length `tryEnd` says how much it took; the rest is copied (the read buffer is not ours)
 * and sent from `onWritable`. With an unknown length `write` takes everything into a buffer of its own and tells only
 * whether the kernel was full; how much of it is left nobody tells, so after a stall the next chunk is first tried with
 * a few bytes, and only when those go straight out is the rest sent. So at most one read buffer waits on each side.
 *
 * Which bytes are the next request. uWS (20.57) decides that, and leaves two gaps through which a client, or whoever
 * stands behind a proxy in front of us, could slip a request past others. After an answer that ends the connection, it
 * still serves what stands in the same read: such an answer waits for the end of the read, where it is in the way of
 * the next request, for which uWS breaks the connection. And it reads chunk sizes carelessly (`;` and `g` are digits, a
 * bare LF ends a line, nothing looks at what stands between chunks): so nothing may follow a chunked request.
 */
import { reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream, DownstreamEvents } from '../downstream.ts';
import { NO_BODY, UNKNOWN_LENGTH } from '../downstream.ts';
import type { BufferHolder, MemoryBudget } from '../memory-budget.ts';
import type { PeerAddresses } from './peer-address.ts';
import { SlowClientWatch, type WatchedClient } from './slow-client.ts';
import type { HttpResponse } from './uws.ts';

/** Bytes with which a stalled response of unknown length is tried: less than what one writable event makes room for. */
const PROBE_BYTES = 256;

const CLOSE_FIELD = Buffer.from('\r\nConnection: close');

function nothing(): void {}

/** Not `slice`: that of a Buffer copies nothing, and the next read would overwrite what waits here. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

export class UwsDownstream implements Downstream, WatchedClient, BufferHolder {
  readonly sendsHeads = false;
  readonly maxStatus = 999;
  readonly writesDate = true;
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  /** Set once: the exchange of this pair. */
  events!: DownstreamEvents;
  readonly secure: boolean;
  private readonly recycle: (pair: UwsDownstream) => void;
  private readonly peers: PeerAddresses;
  private readonly budget: MemoryBudget;
  private readonly watch: SlowClientWatch;
  private response: HttpResponse | null = null;
  private length = UNKNOWN_LENGTH;
  private head: string | Uint8Array = '';
  /** The head of a response in pieces goes out with its first piece: uWS cannot send it alone. */
  private headOut = false;
  private body: Uint8Array | string | null = null;
  private headLength = NO_BODY;
  private close = false;
  private chunk: Uint8Array | null = null;
  /** What could not be sent yet; ours. */
  private pending: Uint8Array[] = [];
  /** Of those. */
  heldBytes = 0;
  /** The kernel was full at the last write. */
  private stalled = false;
  /** After a stall of unknown length: it is not known that uWS's own buffer is empty. */
  private probing = false;
  private listensWritable = false;
  /** `end` was called while something was still pending. */
  private ending = false;
  /** It is the last of its connection: a chunked request, or one that was told to be. */
  private last = false;
  /** We are inside the handler that brought the request. */
  private inHandler = false;
  /** A response that waits for the end of the handler. */
  private waits = false;

  private readonly corkRespond = (): void => this.writeWhole();
  private readonly corkChunk = (): void => this.writeChunk();
  private readonly corkEnd = (): void => {
    // uWS can only end the connection with a response that is given at once. What is not read is not served, and the
    // connection ends with its client, which was told, or with uWS's timeout.
    if (this.last) this.response!.pause();
    this.response!.end();
  };
  private readonly respondLater = (): void => this.onHandled();
  // What these three throw would end the whole worker.
  private readonly aborted = (): void => {
    try {
      this.onAborted();
    } catch (error) {
      this.events.crash(error);
    }
  };
  private readonly data = (chunk: ArrayBuffer, last: boolean): void => {
    try {
      this.watch.uploadMoved(last);
      this.events.downstreamBody(new Uint8Array(chunk), last);
    } catch (error) {
      this.events.crash(error);
    }
  };
  private readonly writable = (): boolean => {
    try {
      this.watch.downloadMoved();
      return this.onWritable();
    } catch (error) {
      this.events.crash(error);
      return true;
    }
  };

  constructor(recycle: (pair: UwsDownstream) => void, peers: PeerAddresses, worker: WorkerContext, secure: boolean) {
    this.recycle = recycle;
    this.secure = secure;
    this.peers = peers;
    this.budget = worker.budget;
    this.watch = new SlowClientWatch(this, worker.wheel);
  }

  /** Takes a response over. Comes before everything that may throw: uWS ends the process when nobody listens for aborts. */
  attach(response: HttpResponse): void {
    this.response = response;
    this.listensWritable = false;
    this.stalled = false;
    this.probing = false;
    this.ending = false;
    this.last = false;
    this.inHandler = true;
    response.onAborted(this.aborted);
  }

  /** Nothing is to follow on this connection. */
  isLast(): void {
    this.last = true;
  }

  /** The request has a body. */
  expectBody(chunked: boolean): void {
    if (chunked) this.last = true;
    this.response!.onData(this.data);
    this.watch.uploadBegins();
  }

  /** The handler that brought the request returns. */
  handled(): void {
    this.inHandler = false;
  }

  peerAddress(): string {
    return this.peers.of(this.response!);
  }

  pauseBody(): void {
    if (this.response === null) return;
    this.response.pause();
    this.watch.uploadPaused();
  }

  resumeBody(): void {
    if (this.response === null) return;
    this.response.resume();
    this.watch.uploadResumed();
  }

  liveResponse(): HttpResponse | null {
    return this.response;
  }

  isStalled(): boolean {
    return this.stalled;
  }

  retryWrite(): boolean {
    const offset = this.response!.getWriteOffset();
    this.onWritable();
    return this.response === null || this.response.getWriteOffset() !== offset;
  }

  respond(
    head: string | Uint8Array,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    if (this.response === null) return;
    this.head = head;
    this.length = length;
    this.body = body;
    this.headLength = headLength;
    this.close = close || this.last;
    if (this.close && this.inHandler) {
      this.waits = true;
      setImmediate(this.respondLater);
      return;
    }
    this.respondNow();
  }

  private respondNow(): void {
    this.response!.cork(this.corkRespond);
    this.response = null;
    this.body = null;
  }

  private onHandled(): void {
    this.waits = false;
    try {
      if (this.response !== null) this.respondNow();
    } catch (error) {
      log.error('a response failed', { error: reasonOf(error) });
      this.abort();
    }
    this.release(false);
  }

  private writeWhole(): void {
    const response = this.response!;
    response.writeStatus(this.head);
    if (this.length !== NO_BODY) {
      if (this.body === null) response.end('', this.close);
      else response.end(this.body, this.close);
    } else if (this.headLength >= 0) {
      response.endWithoutBody(this.headLength, this.close);
    } else if (this.close) {
      // Announces a length of 0 where there should be none, but that is the only call that ends the connection.
      response.endWithoutBody(0, true);
    } else {
      response.endWithoutBody();
    }
  }

  /** uWS knows one head per response. */
  inform(): void {}

  begin(head: string | Uint8Array, length: number, close: boolean): void {
    this.head = head;
    this.length = length;
    this.headOut = false;
    if (close) this.last = true;
    if (!this.last) return;
    this.head = Buffer.concat([typeof head === 'string' ? Buffer.from(head, 'latin1') : head, CLOSE_FIELD]);
  }

  write(chunk: Uint8Array): boolean {
    if (this.response === null || chunk.length === 0) return true;
    if (this.stalled) {
      this.pending.push(copyOf(chunk));
    } else {
      this.chunk = chunk;
      this.response.cork(this.corkChunk);
      this.chunk = null;
      if (!this.stalled) return true;
    }
    this.countPending();
    return false;
  }

  private countPending(): void {
    let bytes = 0;
    for (const chunk of this.pending) bytes += chunk.length;
    this.budget.hold(this, bytes);
  }

  /** As a client that leaves: the exchange ends. */
  endOverBudget(): void {
    this.response?.close();
  }

  /** Inside cork: sends `chunk`, with the head before the first one, and keeps what is left of it. */
  private writeChunk(): void {
    const response = this.response!;
    let chunk = this.chunk!;
    if (!this.headOut) {
      this.headOut = true;
      response.writeStatus(this.head);
    }
    if (this.length !== UNKNOWN_LENGTH) {
      const before = response.getWriteOffset();
      // The first piece announces the length and is never all of it. Behind it, a length that is never reached leaves the
      // response open, and with it the means to end the connection.
      const total = this.last && before > 0 ? this.length + 1 : this.length;
      const [ok, done] = response.tryEnd(chunk, total);
      if (done) this.response = null;
      else if (!ok) this.stall(chunk.subarray(response.getWriteOffset() - before));
      return;
    }
    if (this.probing && chunk.length > PROBE_BYTES) {
      if (!response.write(chunk.subarray(0, PROBE_BYTES))) {
        this.stall(chunk.subarray(PROBE_BYTES));
        return;
      }
      chunk = chunk.subarray(PROBE_BYTES);
    }
    if (response.write(chunk)) this.probing = false;
    else this.stall(null);
  }

  private stall(rest: Uint8Array | null): void {
    this.stalled = true;
    this.probing = true;
    this.watch.downloadStalls();
    if (rest !== null && rest.length > 0) this.pending.unshift(copyOf(rest));
    if (!this.listensWritable) {
      this.listensWritable = true;
      this.response!.onWritable(this.writable);
    }
  }

  private onWritable(): boolean {
    if (this.response === null) return true;
    this.stalled = false;
    // Uncorking is what makes uWS send its own buffer while a writable handler is set.
    if (this.length === UNKNOWN_LENGTH) this.response.cork(nothing);
    while (this.pending.length > 0) {
      this.chunk = this.pending.shift()!;
      this.response.cork(this.corkChunk);
      this.chunk = null;
      if (this.stalled) {
        this.countPending();
        return false;
      }
      if (this.response === null) break;
    }
    if (this.heldBytes > 0) this.budget.release(this);
    if (this.ending && this.response !== null) this.endNow();
    this.events.downstreamWritable();
    return true;
  }

  end(): boolean {
    if (this.response === null) return true;
    // With a known length the last byte is the end.
    if (this.length !== UNKNOWN_LENGTH && !this.last) return false;
    if (this.pending.length > 0) {
      this.ending = true;
      return false;
    }
    this.endNow();
    return true;
  }

  private endNow(): void {
    if (this.length !== UNKNOWN_LENGTH) {
      this.abort();
      return;
    }
    this.response!.cork(this.corkEnd);
    this.response = null;
  }

  abort(): void {
    const response = this.response;
    if (response === null) return;
    this.response = null;
    try {
      response.close();
    } catch {
      // It had ended, after an error of ours: then there is nothing to break.
    }
  }

  release(requestComplete: boolean): void {
    this.watch.end();
    if (this.waits) return;
    this.response = null;
    // Setting the length of an array is a call into the runtime of V8, on every request.
    if (this.pending.length > 0) this.pending.length = 0;
    if (this.heldBytes > 0) this.budget.release(this);
    // While an upload still comes in, uWS calls `data` of this pair: it is left to the garbage collector instead.
    if (requestComplete) this.recycle(this);
  }

  private onAborted(): void {
    if (this.response === null) return;
    this.response = null;
    this.events.downstreamAborted();
  }
}
