/**
 * The client's side of an exchange on node:http. Node frames the response for the version that the client speaks and
 * keeps the answers of a pipelining client in their order.
 */
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TimerEntry, type TimerWheel } from '../../../kernel/timer-wheel.ts';
import { type Downstream, type DownstreamEvents, NO_BODY } from '../../downstream.ts';
import type { Http1Connection } from './http1-connection.ts';
import { WATCH_PAUSED_MS } from './limits.ts';
import { requestTrailers } from './request.ts';
import { addFields, addLines, headText, interimHead, ownCopy, responseLine } from './response.ts';
import { clientCertificates, isPeerGone, peerAddress } from './socket.ts';

const NOTHING = new Uint8Array(0);

export class Http1Downstream extends TimerEntry implements Downstream {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly writesDate = false;
  readonly events: DownstreamEvents;
  private readonly connection: Http1Connection;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly wheel: TimerWheel;
  /** The exchange has not let go of it. */
  private live = true;
  private paused = false;
  private receiving = false;
  private stalled = false;
  private ending = false;

  constructor(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    events: DownstreamEvents,
    wheel: TimerWheel,
  ) {
    super();
    this.connection = connection;
    this.secure = connection.secure;
    this.request = request;
    this.response = response;
    this.events = events;
    this.wheel = wheel;
    response.on('finish', () => this.guard(this.finished));
    response.on('drain', () => this.guard(this.writable));
  }

  /** What a step throws would end the whole worker; so it ends the exchange, and the connection, whose order is lost. */
  private guard(step: (this: Http1Downstream) => void): void {
    try {
      step.call(this);
    } catch (error) {
      try {
        this.events.crash(error);
      } finally {
        this.connection.socket.destroy();
      }
    }
  }

  /** The request has a body. */
  expectBody(): void {
    this.receiving = true;
    this.request.on('data', (chunk: Buffer) => this.guard(() => this.body(chunk, false)));
    this.request.on('end', () => this.guard(this.bodyEnded));
  }

  private bodyEnded(): void {
    const { rawTrailers } = this.request;
    if (this.live && rawTrailers.length > 0) this.events.downstreamTrailers(requestTrailers(rawTrailers));
    this.body(NOTHING, true);
  }

  private body(chunk: Uint8Array, last: boolean): void {
    if (last) this.receiving = false;
    if (this.live) this.events.downstreamBody(chunk, last);
  }

  /** The client owes bytes that we would take, or does not take those that it asked for. */
  get isQuiet(): boolean {
    return (this.receiving && !this.paused) || this.stalled || this.response.writableEnded;
  }

  /** All of the request has come. */
  get received(): boolean {
    return !this.receiving;
  }

  /** Something of the response has gone out, or waits to. */
  get begun(): boolean {
    return this.response.headersSent;
  }

  peerAddress(): string {
    return peerAddress(this.connection.socket);
  }

  clientCertificates(): readonly X509Certificate[] {
    return clientCertificates(this.connection.socket);
  }

  inform(head: string | Uint8Array): void {
    // One of HTTP/1.0 would take it for the answer; behind the answer to another request it would come too late to help.
    if (!this.live || this.request.httpVersionMinor === 0 || !this.connection.isNext(this)) return;
    this.connection.socket.write(interimHead(head), 'latin1');
  }

  respond(
    head: string | Uint8Array,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    if (!this.live) return;
    this.writeHead(head, length === NO_BODY ? headLength : length, close);
    if (length === NO_BODY || body === null) this.response.end();
    else this.response.end(ownCopy(body));
  }

  begin(head: string | Uint8Array, length: number, close: boolean): void {
    if (!this.live) return;
    this.writeHead(head, length, close);
    this.response.flushHeaders();
  }

  private writeHead(head: string | Uint8Array, length: number, close: boolean): void {
    const text = headText(head);
    const { status, reason } = responseLine(text);
    const fields: string[] = [];
    addFields(fields, text);
    if (length >= 0) fields.push('Content-Length', String(length));
    if (close) fields.push('Connection', 'close');
    if (close) this.connection.refuseMore(this.received);
    this.response.writeHead(status, reason, fields);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.live || chunk.length === 0) return true;
    if (this.response.write(ownCopy(chunk))) return true;
    this.stalled = true;
    return false;
  }

  end(trailers: string): boolean {
    if (!this.live) return true;
    this.ending = true;
    if (trailers !== '') this.addTrailers(trailers);
    this.response.end();
    return false;
  }

  /** Node leaves them out where there are no chunks to put them behind. */
  private addTrailers(trailers: string): void {
    const fields: string[] = [];
    addLines(fields, trailers);
    const pairs: [string, string][] = [];
    for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i], fields[i + 1]]);
    this.response.addTrailers(pairs);
  }

  abort(): void {
    this.live = false;
    this.connection.breakOff();
  }

  pauseBody(): void {
    this.paused = true;
    this.request.pause();
    this.wheel.arm(this, WATCH_PAUSED_MS);
  }

  resumeBody(): void {
    this.paused = false;
    this.wheel.cancel(this);
    this.request.resume();
  }

  /** The upload is paused, and nobody reads: a client that has reset its connection has no address any more. */
  override expired(): void {
    if (!this.live || !this.paused) return;
    if (isPeerGone(this.connection.socket)) this.connection.socket.destroy();
    else this.wheel.arm(this, WATCH_PAUSED_MS);
  }

  release(_requestComplete: boolean): void {
    this.live = false;
    this.wheel.cancel(this);
    // What is left of an upload is read past: the next request stands behind it.
    if (this.receiving) this.request.resume();
  }

  /** The connection is gone. */
  closed(): void {
    if (!this.live) return;
    this.guard(this.tellAborted);
  }

  private tellAborted(): void {
    this.events.downstreamAborted();
  }

  private writable(): void {
    this.stalled = false;
    if (this.live) this.events.downstreamWritable();
  }

  private finished(): void {
    try {
      if (this.live && this.ending) this.events.downstreamWritable();
    } finally {
      this.connection.answered(this);
    }
  }
}
