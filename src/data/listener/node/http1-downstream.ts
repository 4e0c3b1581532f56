/**
 * The client's side of an exchange on node:http. Node frames the response for the version that the client speaks and
 * keeps the answers of a pipelining client in their order.
 */
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from '../../../kernel/errors.ts';
import { type Downstream, type DownstreamEvents, NO_BODY } from '../../downstream.ts';
import type { Http1Connection } from './http1-connection.ts';
import { MAX_MERGED_BYTES } from './limits.ts';
import { requestTrailers } from './request.ts';
import { addFields, addLines, headText, interimHead, ownCopy, responseLine } from './response.ts';
import { clientCertificates, peerAddress } from './socket.ts';

const NOTHING = new Uint8Array(0);

function flushBody(downstream: Http1Downstream): void {
  downstream.flushBody();
}

export class Http1Downstream implements Downstream {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly maxStatus = 999;
  readonly writesDate = false;
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  readonly events: DownstreamEvents;
  private readonly connection: Http1Connection;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  /** The exchange has not let go of it. */
  private live = true;
  private paused = false;
  private receiving = false;
  private ending = false;
  /** Of the request's body, what came with the read under way. */
  private pieces: Buffer[] = [];
  private pieceBytes = 0;

  constructor(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    events: DownstreamEvents,
  ) {
    this.connection = connection;
    this.secure = connection.secure;
    this.request = request;
    this.response = response;
    this.events = events;
    response.on('finish', () => this.guard(this.finished));
    response.on('drain', () => this.guard(this.writable));
  }

  /** What a step throws would end the whole worker; so it ends the exchange, and the connection, whose order is lost. */
  private guard(step: (this: Http1Downstream) => void): void {
    try {
      step.call(this);
    } catch (error) {
      this.crash(error);
    }
  }

  private crash(error: unknown): void {
    try {
      this.events.crash(error);
    } finally {
      this.connection.socket.destroy();
    }
  }

  /** The request has a body. */
  expectBody(): void {
    this.receiving = true;
    this.request.on('data', (chunk: Buffer) => this.guardBody(chunk));
    this.request.on('end', () => this.guard(this.bodyEnded));
  }

  /** As `guard`, without a closure for each piece. */
  private guardBody(chunk: Buffer): void {
    try {
      this.body(chunk);
    } catch (error) {
      this.crash(error);
    }
  }

  private body(chunk: Buffer): void {
    this.connection.bodyCame(chunk.length, false);
    if (!this.live) return;
    this.pieces.push(chunk);
    this.pieceBytes += chunk.length;
    if (this.pieceBytes >= MAX_MERGED_BYTES) this.passBody();
    // Node gives what it has kept while we were paused piece by piece, but in one go.
    else if (this.pieces.length === 1 && !this.connection.reader.active) setImmediate(flushBody, this);
  }

  /** What came with one read is passed on in one piece. */
  flushBody(): void {
    this.guard(this.passBody);
  }

  private passBody(): void {
    if (this.pieceBytes === 0) return;
    const merged = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces, this.pieceBytes);
    this.pieces = [];
    this.pieceBytes = 0;
    if (this.live) this.events.downstreamBody(merged, false);
  }

  private bodyEnded(): void {
    this.connection.bodyCame(0, true);
    this.passBody();
    this.receiving = false;
    if (!this.live) return;
    const { rawTrailers } = this.request;
    if (rawTrailers.length > 0) this.events.downstreamTrailers(requestTrailers(rawTrailers));
    this.events.downstreamBody(NOTHING, true);
  }

  /** We do not read the body, for a server that is slower. */
  get isPaused(): boolean {
    return this.receiving && this.paused;
  }

  /** The exchange cannot go on without the body, or nothing but the rest of it keeps the connection. */
  get isAwaited(): boolean {
    return this.receiving && !this.paused && !this.isGrpc && !(this.live && this.response.headersSent);
  }

  private get isGrpc(): boolean {
    return this.request.headers['content-type']?.startsWith('application/grpc') === true;
  }

  /** The client does not do its part. */
  fail(fault: Fault, detail: string): void {
    if (this.live) this.events.downstreamFailed(fault, detail);
    else this.connection.socket.destroy();
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
    this.noteWaiting();
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
    // Node ends the connection as well when its client has asked for it, or speaks HTTP/1.0.
    if (close || !this.response.shouldKeepAlive) this.connection.refuseMore(this.received);
    this.response.writeHead(status, reason, fields);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.live || chunk.length === 0) return true;
    const flows = this.response.write(ownCopy(chunk));
    if (!flows) this.noteWaiting();
    return flows;
  }

  private noteWaiting(): void {
    if (this.response.writableLength > 0) this.connection.noteWaiting();
  }

  /** Bytes that wait here: of an answer whose turn has not come, and of a body that its server does not take. */
  get queuedBytes(): number {
    const { request, response } = this;
    return (response.socket === null ? response.writableLength : 0) + (this.isPaused ? request.readableLength : 0);
  }

  end(trailers: string): boolean {
    if (!this.live) return true;
    this.ending = true;
    if (trailers !== '') this.addTrailers(trailers);
    this.response.end();
    this.noteWaiting();
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
  }

  resumeBody(): void {
    this.paused = false;
    if (this.connection.heldBytes > 0) this.connection.noteWaiting();
    this.request.resume();
    this.connection.socket.resume();
  }

  release(_requestComplete: boolean): void {
    this.live = false;
    this.paused = false;
    this.pieces.length = 0;
    this.pieceBytes = 0;
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
    if (this.connection.heldBytes > 0) this.connection.noteWaiting();
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
