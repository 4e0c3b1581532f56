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
import { reasonOf } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import { TimerEntry } from '../../../kernel/timer-wheel.ts';
import { isRepeatable } from '../../balancing/retry.ts';
import type { Http1Downstream } from './http1-downstream.ts';
import { LINGER_MS, MAX_PIPELINED, QUIET_MS } from './limits.ts';
import type { NodeListener } from './node-listener.ts';
import { rawReply } from './raw-reply.ts';
import { breakOff } from './socket.ts';

type Waiting = { readonly request: IncomingMessage; readonly response: ServerResponse };

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

export class Http1Connection extends TimerEntry {
  readonly socket: Socket;
  readonly secure: boolean;
  private readonly listener: NodeListener;
  private readonly running: Http1Downstream[] = [];
  private readonly waiting: Waiting[] = [];
  /** All that runs may be repeated and has no body. */
  private harmless = true;
  /** Nothing more is served on it. */
  private over = false;
  /** What its client still has to be told, when what runs is through. */
  private refusal: Buffer | null = null;
  private lingers = false;

  constructor(listener: NodeListener, socket: Socket, secure: boolean) {
    super();
    this.listener = listener;
    this.socket = socket;
    this.secure = secure;
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
    if (this.waiting.length > 0 || !this.mayStart(request)) {
      this.waiting.push({ request, response });
      this.socket.pause();
    } else {
      this.start(request, response);
    }
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
  }

  /** May this upgrade take the connection over? Not when something else is under way on it. */
  mayUpgrade(request: IncomingMessage): boolean {
    return !this.over && this.running.length === 0 && request.httpVersionMinor === 1 && !hasBody(request);
  }

  /** A response says that it is the last one. */
  refuseMore(requestReceived: boolean): void {
    this.over = true;
    // Node would close at once, and a reset, the answer to what still comes, would take the response from the client.
    if (!requestReceived) this.socket.destroySoon = () => this.lingerGuarded();
  }

  /** A response is out. */
  answered(downstream: Http1Downstream): void {
    const at = this.running.indexOf(downstream);
    if (at >= 0) this.running.splice(at, 1);
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
    this.socket.end();
    this.socket.resume();
    this.listener.worker.wheel.arm(this, LINGER_MS);
  }

  override expired(): void {
    this.socket.destroy();
  }

  /** Nothing has come or gone for a while. */
  timedOut(): void {
    const forEver = this.listener.worker.options.clientIdleMs === 0;
    const quiet = this.running.length === 0 ? !forEver : this.running.some((downstream) => downstream.isQuiet);
    if (quiet) this.socket.destroy();
    else this.socket.setTimeout(QUIET_MS);
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
    this.waiting.length = 0;
    for (const downstream of this.running.splice(0)) {
      try {
        downstream.closed();
      } catch (error) {
        // The others must be told all the same.
        downstream.events.crash(error);
      }
    }
    this.listener.worker.wheel.cancel(this);
  }
}
