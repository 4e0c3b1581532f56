/**
 * The client's side of an exchange on uWebSockets. Its response object may only be written to inside `cork`, and cork
 * takes a function: those are bound once here, and their arguments pass through fields, so that a request costs no
 * closure.
 *
 * Back-pressure. With a known length `tryEnd` says how much it took; the rest is copied (the read buffer is not ours)
 * and sent from `onWritable`. With an unknown length `write` takes everything into a buffer of its own; how much of it
 * is left `uws-backlog.ts` tells, and until nothing is, what follows is copied as well. So at most one read buffer waits
 * on each side, and a response in pieces is over when its client has it.
 * What is written in one cork has to fit into it (`uws-cork.ts`).
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import { NO_BODY, UNKNOWN_LENGTH } from '../downstream.ts';
import type { BufferHolder, MemoryBudget } from '../memory-budget.ts';
import type { HeldResponse } from './held-response.ts';
import { UwsLinger } from './linger.ts';
import type { PeerAddresses } from './peer-address.ts';
import { SlowClientWatch, type WatchedClient } from './slow-client.ts';
import type { HttpResponse } from './uws.ts';
import type { Backlog } from './uws-backlog.ts';
import { LONG_HEAD_BYTES, PIECE_BYTES } from './uws-cork.ts';
import { UwsRequest } from './uws-request.ts';
import { CLOSE_FIELD, withLine, writeOpen, writeWhole } from './uws-response.ts';

function nothing(): void {}

/** Not `slice`: that of a Buffer copies nothing, and the next read would overwrite what waits here. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** What the downstreams of one listener share. */
export type UwsDownstreamOptions = {
  readonly worker: WorkerContext;
  readonly peers: PeerAddresses;
  readonly secure: boolean;
  readonly backlog: Backlog;
  readonly held: HeldResponse;
  readonly recycle: (pair: UwsDownstream) => void;
};

export class UwsDownstream extends UwsRequest implements Downstream, WatchedClient, BufferHolder {
  readonly sendsHeads = false;
  readonly maxStatus = 999;
  readonly writesDate = true;
  readonly httpVersion = '1.1';
  readonly respondsUpTo = PIECE_BYTES;
  readonly secure: boolean;
  private readonly recycle: (pair: UwsDownstream) => void;
  private readonly peers: PeerAddresses;
  private readonly budget: MemoryBudget;
  private readonly wheel: TimerWheel;
  protected readonly watch: SlowClientWatch;
  private readonly backlog: Backlog;
  protected readonly held: HeldResponse;
  private length = UNKNOWN_LENGTH;
  private head: string | Uint8Array = '';
  /** The head of a response in pieces goes out with its first piece: uWS cannot send it alone. */
  private headOut = false;
  private body: Uint8Array | string | null = null;
  private headLength = NO_BODY;
  private close = false;
  /** For the cork: what is to be sent, then what uWS has not taken of it. */
  private chunk: Uint8Array | null = null;
  /** What could not be sent yet; ours. */
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  /** Of the body, since it began. */
  private written = 0;
  /** Of those that are pending, and of what uWS has not sent. */
  heldBytes = 0;
  /** Something waits for the client. */
  private stalled = false;
  /** What its request ends with, should its connection be closed. */
  private why = FAULTS.clientClosed;
  private listensWritable = false;
  /** `end` was called while something was still pending. */
  private ending = false;
  /** The response is not ended but left open, and its connection closed by us. */
  private staysOpen = false;
  /** A response that waits for the end of the handler. */
  private waits = false;

  private readonly corkHead = (): void => {
    this.response!.writeStatus(this.head);
  };
  private readonly corkRespond = (): void => {
    const head = this.headOut ? null : this.head;
    writeWhole(this.response!, head, this.length, this.body, this.headLength, this.close && !this.uwsCloses);
  };
  private readonly corkOpen = (): void => {
    const head = this.uwsCloses ? this.head : withLine(this.head, CLOSE_FIELD);
    writeOpen(this.response!, head, this.length, this.body, this.headLength);
  };
  private readonly corkChunk = (): void => this.writeChunk();
  private readonly corkEnd = (): void => {
    // uWS can only end the connection with a response that is given at once. What is not read is not served, and the
    // connection ends with its client, which was told, or with uWS's timeout.
    if (this.last && !this.uwsCloses) this.response!.pause();
    if (!this.headOut) this.response!.writeStatus(this.head);
    this.response!.end();
  };
  private readonly respondLater = (): void => this.onHandled();
  // What these two throw would end the whole worker.
  private readonly aborted = (): void => {
    try {
      this.onAborted();
    } catch (error) {
      this.events.crash(error);
    }
  };
  private readonly writable = (): boolean => {
    try {
      return this.onWritable();
    } catch (error) {
      this.events.crash(error);
      return true;
    }
  };

  constructor({ worker, peers, secure, backlog, held, recycle }: UwsDownstreamOptions) {
    super();
    this.recycle = recycle;
    this.secure = secure;
    this.peers = peers;
    this.backlog = backlog;
    this.held = held;
    this.budget = worker.budget;
    this.wheel = worker.wheel;
    this.watch = new SlowClientWatch(this, worker.wheel, worker.options);
  }

  /** Takes a response over. Comes before everything that may throw: uWS ends the process when nobody listens for aborts. */
  attach(response: HttpResponse): void {
    this.requestBegins(response);
    this.listensWritable = false;
    this.stalled = false;
    this.ending = false;
    this.why = FAULTS.clientClosed;
    response.onAborted(this.aborted);
  }

  peerAddress(): string {
    return this.peers.of(this.response!);
  }

  isStalled(): boolean {
    return this.stalled;
  }

  takenBytes(): number {
    return this.written - this.waitingBytes();
  }

  retryWrite(): void {
    this.onWritable();
  }

  /** Of a response that is not over. */
  private waitingBytes(): number {
    return this.pendingBytes + this.backlog.call(this.response!);
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
    this.headOut = false;
    this.close = close || this.last;
    if (this.uwsCloses) this.head = withLine(head, CLOSE_FIELD);
    // Inside the handler, the cork is that of the whole read, and nothing can be sent before its end.
    if (this.inHandler && (this.close || this.isLong())) {
      this.waits = true;
      setImmediate(this.respondLater);
      return;
    }
    this.respondNow();
  }

  private respondNow(): void {
    const response = this.response!;
    if (this.close && this.receiving && !this.isLong()) {
      response.cork(this.corkOpen);
      this.response = null;
      this.body = null;
      this.linger = new UwsLinger(response, this.wheel);
      return;
    }
    const bare = this.length === NO_BODY && this.headLength < 0 && this.close && !this.uwsCloses;
    // The one call that ends both announces a length of 0, where there should be none. So this is the whole head, its
    // last empty line included, and the response stays open: with it the means to end the connection.
    if (bare) this.head = withLine(this.head, `${CLOSE_FIELD}\r\n`);
    if (bare || this.isLong()) this.writeHead();
    if (!bare) response.cork(this.corkRespond);
    this.response = null;
    this.body = null;
    if (bare) response.close();
  }

  /** Head and body do not fit into one cork. */
  private isLong(): boolean {
    return this.head.length + Math.max(this.length, 0) > PIECE_BYTES;
  }

  /** The head without what uWS adds to it. */
  private writeHead(): void {
    if (this.head.length > LONG_HEAD_BYTES) this.held.run(this.response!, this.corkHead);
    else this.response!.cork(this.corkHead);
    this.headOut = true;
  }

  private onHandled(): void {
    this.waits = false;
    try {
      if (this.response !== null) this.respondNow();
    } catch (error) {
      tellOwnError('response', error);
      this.abort();
    }
    this.release(false);
  }

  /** uWS knows one head per response. */
  inform(): void {}

  begin(head: string | Uint8Array, length: number, close: boolean): void {
    this.length = length;
    this.headOut = false;
    this.written = 0;
    if (close) this.last = true;
    this.head = this.last ? withLine(head, CLOSE_FIELD) : head;
    this.staysOpen = this.last && (!this.uwsCloses || this.receiving);
    this.watch.responseBegins();
  }

  write(chunk: Uint8Array): boolean {
    if (this.response === null || chunk.length === 0) return true;
    this.written += chunk.length;
    const rest = this.stalled ? chunk : this.give(chunk);
    if (!this.stalled) return true;
    if (rest !== null) {
      this.pending.push(copyOf(rest));
      this.pendingBytes += rest.length;
    }
    this.budget.hold(this, this.waitingBytes());
    return false;
  }

  /** As a client that leaves: the exchange ends. */
  endOverBudget(): void {
    this.closeFor(FAULTS.overBudget);
  }

  downloadOverdue(): void {
    this.closeFor(FAULTS.clientSlow);
  }

  /** `onAborted` comes within the call. */
  private closeFor(why: Fault): void {
    this.why = why;
    this.response?.close();
  }

  /** Gives a piece to uWS. Returns what it has not taken of it, null for nothing. */
  private give(chunk: Uint8Array): Uint8Array | null {
    this.chunk = chunk;
    let waits = false;
    if (!this.headOut && this.head.length > LONG_HEAD_BYTES) this.writeHead();
    do {
      this.response!.cork(this.corkChunk);
      if (this.response === null) return null;
      waits = this.backlog.call(this.response) > 0;
    } while (this.chunk !== null && !waits && this.length === UNKNOWN_LENGTH);
    const rest = this.chunk;
    this.chunk = null;
    if (waits || rest !== null) this.stall();
    return rest;
  }

  /** Inside cork: sends of `chunk` what fits, with the head before the first one, and leaves what is not taken of it. */
  private writeChunk(): void {
    const response = this.response!;
    const chunk = this.chunk!;
    this.chunk = null;
    let room = PIECE_BYTES;
    if (!this.headOut) {
      this.headOut = true;
      response.writeStatus(this.head);
      room -= this.head.length;
    }
    if (this.length === UNKNOWN_LENGTH) {
      if (chunk.length > room) this.chunk = chunk.subarray(room);
      response.write(chunk.length > room ? chunk.subarray(0, room) : chunk);
      return;
    }
    const before = response.getWriteOffset();
    // The first piece announces the length and is never all of it. Behind it, a length that is never reached leaves the
    // response open, and with it the means to end the connection.
    const total = this.staysOpen && before > 0 ? this.length + 1 : this.length;
    const [ok, done] = response.tryEnd(chunk, total);
    if (done) this.response = null;
    else if (!ok) this.chunk = chunk.subarray(response.getWriteOffset() - before);
  }

  private stall(): void {
    this.stalled = true;
    this.watch.downloadStalls();
    if (this.listensWritable) return;
    this.listensWritable = true;
    this.response!.onWritable(this.writable);
  }

  private onWritable(): boolean {
    if (this.response === null) return true;
    if (!this.sendWaiting()) {
      this.budget.hold(this, this.waitingBytes());
      return false;
    }
    if (this.heldBytes > 0) this.budget.release(this);
    if (this.ending && this.response !== null) this.endNow();
    this.events.downstreamWritable();
    return true;
  }

  /** False: some of it still waits. */
  private sendWaiting(): boolean {
    // Uncorking is what makes uWS send its own buffer while a writable handler is set.
    this.response!.cork(nothing);
    if (this.backlog.call(this.response!) > 0) return false;
    this.stalled = false;
    while (this.response !== null && this.pending.length > 0) {
      const chunk = this.pending[0];
      const rest = this.give(chunk);
      if (rest === null) this.pending.shift();
      else this.pending[0] = rest;
      this.pendingBytes -= chunk.length - (rest === null ? 0 : rest.length);
      if (this.stalled) return false;
    }
    return true;
  }

  end(): boolean {
    if (this.response === null) return true;
    // With a known length the last byte is the end.
    if (this.length !== UNKNOWN_LENGTH && !this.staysOpen) return false;
    if (this.stalled) {
      this.ending = true;
      return false;
    }
    this.endNow();
    return true;
  }

  private endNow(): void {
    if (this.length !== UNKNOWN_LENGTH && this.receiving) {
      this.linger = new UwsLinger(this.response!, this.wheel);
      this.response = null;
      return;
    }
    if (this.length !== UNKNOWN_LENGTH) {
      this.abort();
      return;
    }
    // A body that has come to nothing, with trailers behind it.
    if (!this.headOut && this.head.length > LONG_HEAD_BYTES) this.writeHead();
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
    if (this.pending.length > 0) {
      this.pending.length = 0;
      this.pendingBytes = 0;
    }
    this.pieces.drop();
    if (this.heldBytes > 0) this.budget.release(this);
    // While an upload still comes in, uWS calls `data` of this pair: it is left to the garbage collector instead.
    if (requestComplete) this.recycle(this);
  }

  private onAborted(): void {
    this.linger?.cancel();
    if (this.response === null) return;
    this.response = null;
    this.events.downstreamAborted(this.why);
  }
}
