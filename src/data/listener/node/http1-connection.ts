/**
 * One client's HTTP/1 connection on node:http. Requests of a client that does not wait for answers run together while
 * all of them are harmless (RFC 9112 §9.3.2: only then may they); otherwise one waits for those before it.
 *
 *     running [ first … last ]   waiting [ … ]      the socket is not read while one waits
 *
 * Nothing is served behind a request that was refused, whatever stands there (RFC 9112 §11.2).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FAULTS, reasonOf } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import { isRepeatable } from '../../balancing/retry.ts';
import type { BufferHolder } from '../../memory-budget.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import type { WatchedClient } from '../tsuji/client-watch.ts';
import { lingerOn } from './deadline.ts';
import type { Http1Downstream } from './http1-downstream.ts';
import { HALF_CLOSED_MS, MAX_PIPELINED, REQUEST_COST } from './limits.ts';
import type { NodeOwner } from './owner.ts';
import { type PacedConnection, PacedReader } from './paced-reader.ts';
import { rawReply } from './raw-reply.ts';
import { breakOff, bytesTaken, isPeerGone } from './socket.ts';

type Waiting = { readonly request: IncomingMessage; readonly response: ServerResponse };

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

interface Http1Owner extends NodeOwner {
  /** One request; `running` keeps it before it begins. Null: it failed and nobody answers. */
  serveHttp1(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    running: Http1Downstream[],
  ): Http1Downstream | null;
}

export class Http1Connection implements PacedConnection, WatchedClient, BufferHolder {
  readonly socket: Socket;
  readonly secure: boolean;
  readonly reader: PacedReader;
  private readonly listener: Http1Owner;
  private readonly running: Http1Downstream[] = [];
  private readonly waiting: Waiting[] = [];
  /** All that runs may be repeated and has no body. */
  private harmless = true;
  /** The request that has begun last; it may be answered already while its body still comes. */
  private last: Http1Downstream | null = null;
  /** Nothing more is served on it. */
  private over = false;
  /** What its client still has to be told, when what runs is through. */
  private refusal: Buffer | null = null;
  private lingers = false;
  /** The client has sent its FIN: it has left, or waits for answers and will ask for nothing more. */
  private halfClosed = false;
  /** Bytes of bodies, and LEAST_BYTES for each request that was whole. */
  private brought = 0;
  private answers = 0;
  heldBytes = 0;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private readonly afterFin = new Progress(1);
  private readonly ahead = new Progress();

  constructor(listener: Http1Owner, socket: Socket, secure: boolean) {
    this.listener = listener;
    this.socket = socket;
    this.secure = secure;
    this.reader = new PacedReader(socket, this);
    listener.watch.add(this);
    socket.on('end', () => {
      this.halfClosed = true;
    });
    socket.on('close', () => {
      try {
        this.closed();
      } catch (error) {
        for (const downstream of this.running.splice(0)) downstream.events.crash(error);
      }
    });
  }

  /** A request has come; an answer of an earlier one may not be out yet. */
  requested(request: IncomingMessage, response: ServerResponse): void {
    if (this.over) return;
    this.reader.spend(REQUEST_COST);
    if (this.waiting.length > 0 || !this.mayStart(request)) this.waiting.push({ request, response });
    else this.start(request, response);
  }

  private mayStart(request: IncomingMessage): boolean {
    if (this.running.length === 0) return true;
    const harmless = this.harmless && isRepeatable(request.method!) && !hasBody(request);
    return harmless && this.running.length < MAX_PIPELINED;
  }

  private start(request: IncomingMessage, response: ServerResponse): void {
    if (this.running.length === 0) this.harmless = true;
    if (hasBody(request) || !isRepeatable(request.method!)) this.harmless = false;
    const downstream = this.listener.serveHttp1(this, request, response, this.running);
    // An error of ours before it had begun: nobody else answers.
    if (downstream === null) this.breakOff();
    this.last = downstream;
  }

  get takesMore(): boolean {
    const { unfinished } = this;
    if (unfinished !== null) return !unfinished.isPaused;
    return !this.over && this.waiting.length === 0;
  }

  /** The request of which not all has come: none can have begun behind it. */
  private get unfinished(): Http1Downstream | null {
    const { last } = this;
    return last === null || last.received ? null : last;
  }

  turnRead(): void {
    this.unfinished?.flushBody();
  }

  readFailed(error: unknown): void {
    this.listener.failed(this.socket, error);
  }

  /** Some of a body has come. */
  bodyCame(bytes: number, last: boolean): void {
    this.brought += last ? LEAST_BYTES : bytes;
    this.reader.spend(1);
  }

  /** May this upgrade take the connection over? Not when something else is under way on it. */
  mayUpgrade(request: IncomingMessage): boolean {
    return !this.over && this.running.length === 0 && request.httpVersionMinor === 1;
  }

  /** Somebody else takes the socket over. Returns what came behind what was parsed. */
  handOver(): Buffer | null {
    this.listener.watch.delete(this);
    if (this.heldBytes > 0) this.listener.worker.budget.release(this);
    return this.reader.detach();
  }

  /** A response says that it is the last one. */
  refuseMore(requestReceived: boolean): void {
    this.over = true;
    // Node would close at once, and a reset, the answer to what still comes, would take the response from the client.
    if (!requestReceived) this.socket.destroySoon = () => this.lingerGuarded();
  }

  /** Counts what waits here: for the client, or for a server to take what the client has sent. */
  noteWaiting(): void {
    const { budget } = this.listener.worker;
    const bytes = this.socket.destroyed ? 0 : this.waitingBytes;
    if (bytes > 0) budget.hold(this, bytes);
    else if (this.heldBytes > 0) budget.release(this);
  }

  private get waitingBytes(): number {
    let bytes = this.socket.writableLength + this.reader.heldBytes;
    for (const downstream of this.running) bytes += downstream.queuedBytes;
    return bytes;
  }

  endOverBudget(): void {
    this.cutOff('what waits for it is too much');
  }

  /** A response is out. */
  answered(downstream: Http1Downstream): void {
    this.answers++;
    const at = this.running.indexOf(downstream);
    if (at >= 0) this.running.splice(at, 1);
    if (this.heldBytes > 0) this.noteWaiting();
    if (this.over) {
      if (this.running.length === 0 && this.refusal !== null) this.sendRefusal(this.refusal);
      return;
    }
    while (this.waiting.length > 0 && this.mayStart(this.waiting[0].request)) {
      const { request, response } = this.waiting.shift()!;
      this.start(request, response);
    }
    if (this.waiting.length === 0) this.socket.resume();
  }

  /** Node's parser or clock refuses what has come. */
  failed(error: NodeJS.ErrnoException): void {
    if (this.lingers) return;
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !this.socket.writable) {
      this.socket.destroy();
      return;
    }
    if (this.over) return;
    this.over = true;
    this.reader.stop();
    log.debug('request refused', { reason: reasonOf(error) });
    const unfinished = this.running.at(-1);
    if (unfinished !== undefined && !unfinished.received) {
      const begun = unfinished.begun;
      this.running.pop();
      unfinished.closed();
      if (begun) {
        this.breakOff();
        return;
      }
    }
    // A client that has connected and said nothing has asked for nothing.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && this.socket.bytesRead === 0) this.socket.destroy();
    else this.refuse(rawReply(error.code));
  }

  private refuse(reply: Buffer): void {
    this.refusal = reply;
    if (this.running.length === 0) this.sendRefusal(reply);
  }

  private sendRefusal(reply: Buffer): void {
    this.refusal = null;
    this.socket.write(reply);
    this.linger();
  }

  /** Node calls it. */
  private lingerGuarded(): void {
    try {
      this.linger();
    } catch {
      this.socket.destroy();
    }
  }

  /** Ends our side, and reads past what still comes for a moment. */
  private linger(): void {
    if (this.lingers) return;
    this.lingers = true;
    this.reader.stop();
    this.socket.end();
    lingerOn(this.socket, this.listener.worker.wheel);
  }

  look(ms: number): void {
    try {
      this.lookAtProgress(ms);
    } catch (error) {
      this.readFailed(error);
    }
  }

  private lookAtProgress(ms: number): void {
    const { uploadTimeoutMs, downloadTimeoutMs } = this.listener.worker.options;
    this.noteWaiting();
    const uploading = this.unfinished;
    const notRead = this.halfClosed || this.reader.isHolding || uploading?.isPaused === true;
    if (notRead && isPeerGone(this.socket)) {
      this.socket.destroy();
      return;
    }
    if (this.upload.isOverdue(uploading?.isAwaited === true, this.brought, ms, uploadTimeoutMs)) {
      uploading!.fail(FAULTS.requestTimeout, 'the client does not send its body');
      return;
    }
    const waits = this.socket.writableLength > 0;
    const taken = waits || this.halfClosed ? bytesTaken(this.socket) + this.answers * LEAST_BYTES : 0;
    const left = this.afterFin.isOverdue(this.halfClosed && this.running.length > 0, taken, ms, HALF_CLOSED_MS);
    if (left) {
      this.cutOff('it has closed its side and takes nothing');
    } else if (this.download.isOverdue(waits, taken, ms, downloadTimeoutMs)) {
      this.cutOff('it does not take what it has asked for');
    } else if (this.ahead.isOverdue(this.isAhead, this.answers * LEAST_BYTES, ms, downloadTimeoutMs)) {
      // What it has sent is in the way of its FIN: it may be gone.
      this.cutOff('it asks on and on while nothing is answered');
    }
  }

  private cutOff(reason: string): void {
    log.debug('a client is cut off', { reason, client: this.socket.remoteAddress ?? '' });
    this.socket.destroy();
  }

  /** More requests have come than may wait, and are not read. */
  private get isAhead(): boolean {
    return this.reader.isHolding && this.waiting.length > 0;
  }

  /** Everything before it is answered. */
  isNext(downstream: Http1Downstream): boolean {
    return this.running[0] === downstream;
  }

  get isBusy(): boolean {
    return this.running.length > 0;
  }

  /** The worker drains: whoever waits for nothing goes now, the others with their answer. */
  drain(): void {
    if (this.running.length === 0 && !this.lingers) this.socket.destroySoon();
  }

  breakOff(): void {
    this.over = true;
    breakOff(this.socket);
  }

  private closed(): void {
    this.over = true;
    this.last = null;
    this.waiting.length = 0;
    this.reader.stop();
    this.listener.watch.delete(this);
    if (this.heldBytes > 0) this.listener.worker.budget.release(this);
    for (const downstream of this.running.splice(0)) {
      try {
        downstream.closed();
      } catch (error) {
        // The others must be told all the same.
        downstream.events.crash(error);
      }
    }
  }
}
