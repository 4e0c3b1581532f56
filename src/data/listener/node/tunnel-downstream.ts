/**
 * The client's side of a request that asks for an upgrade, on the bare socket that node:http has let go of. With a 101
 * it becomes a tunnel, bytes in both directions until both sides have ended; any other answer is the last one of its
 * connection, so it needs no framing but its length.
 *
 *     BODY ──all of it──▶ ASKED ──begin(TUNNEL)──▶ OPEN ──FIN of the client──▶ `last`
 *       └───────────────────┴──any other answer──▶ ended
 *
 * The request may have a body of its own (docker attaches by such a POST); behind it nothing of the client is read while
 * ASKED.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { ChunkedDecoder, type ChunkSink } from '../../../http/chunked-decoder.ts';
import { hasField } from '../../../http/fields.ts';
import { REQUEST_CHUNKED, type RequestHead } from '../../../http/request-head.ts';
import { FAULTS } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, TUNNEL } from '../../downstream.ts';
import type { BufferHolder } from '../../memory-budget.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import type { WatchedClient } from '../tsuji/client-watch.ts';
import { lingerOn } from './deadline.ts';
import { HALF_CLOSED_MS, HALF_CLOSED_PROBE_MS } from './limits.ts';
import type { NodeOwner } from './owner.ts';
import { headText, interimHead, ownCopy } from './response.ts';
import { breakOff, bytesTaken, clientCertificates, isPeerGone, peerAddress } from './socket.ts';

const NOTHING = Buffer.alloc(0);

export class TunnelDownstream implements Downstream, ChunkSink, WatchedClient, BufferHolder {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly maxStatus = 999;
  readonly writesDate = false;
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  readonly events: DownstreamEvents;
  private readonly listener: NodeOwner;
  private readonly socket: Socket;
  /** What came behind the head, or behind the body, and waits for the server to agree. */
  private early: Buffer;
  private live = true;
  private open = false;
  private paused = false;
  private halfClosed = false;
  /** Bytes of the body that are to come. */
  private remaining = 0;
  /** Of a chunked body, until it is complete. */
  private chunks: ChunkedDecoder | null = null;
  private pieces: Uint8Array[] = [];
  private brought = 0;
  private resumes = 0;
  heldBytes = 0;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private readonly passing = new Progress();
  private readonly afterFin = new Progress(1);

  /** `early`: what the client sent behind the head of its request. */
  constructor(listener: NodeOwner, socket: Socket, secure: boolean, early: Buffer, events: DownstreamEvents) {
    this.listener = listener;
    this.socket = socket;
    this.secure = secure;
    this.early = early;
    this.events = events;
    listener.watch.add(this);
    socket.setTimeout(0);
    // `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => this.guard(this.closed));
    socket.on('drain', () => this.guard(this.writable));
    socket.pause();
  }

  /** What a step throws would end the whole worker; so it ends the exchange and the connection. */
  private guard(step: (this: TunnelDownstream) => void): void {
    try {
      step.call(this);
    } catch (error) {
      try {
        this.events.crash(error);
      } finally {
        this.socket.destroy();
      }
    }
  }

  /** The exchange has begun with `head`. */
  began(head: RequestHead): void {
    if (head.body === REQUEST_CHUNKED) this.chunks = new ChunkedDecoder(false);
    else this.remaining = head.contentLength;
    this.socket.on('data', (chunk: Buffer) => this.guard(() => this.take(chunk)));
    this.socket.on('end', () => this.guard(this.ended));
    if (!this.isReceiving) return;
    if (head.expectsContinue && this.live) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const { early } = this;
    this.early = NOTHING;
    this.take(early);
    if (this.isReceiving && !this.paused) this.socket.resume();
  }

  private get isReceiving(): boolean {
    return this.live && (this.remaining > 0 || this.chunks !== null);
  }

  private take(bytes: Buffer): void {
    const rest = this.isReceiving ? this.takeBody(bytes) : bytes;
    if (!this.live || rest.length === 0) return;
    if (this.open) {
      this.events.downstreamBody(rest, false);
    } else {
      this.early = Buffer.concat([this.early, rest]);
      this.socket.pause();
      this.noteWaiting();
    }
  }

  /** Returns what stands behind the body. */
  private takeBody(bytes: Buffer): Buffer {
    this.brought += bytes.length;
    if (this.chunks !== null) return this.takeChunks(bytes, this.chunks);
    const piece = bytes.subarray(0, this.remaining);
    this.remaining -= piece.length;
    if (piece.length > 0) this.events.downstreamBody(piece, this.remaining === 0);
    return bytes.subarray(piece.length);
  }

  private takeChunks(bytes: Buffer, chunks: ChunkedDecoder): Buffer {
    const used = chunks.decode(bytes, 0, bytes.length, this);
    const body = Buffer.concat(this.pieces);
    this.pieces = [];
    if (chunks.problem !== '') {
      this.chunks = null;
      this.events.downstreamFailed(FAULTS.badRequest, chunks.problem);
      return NOTHING;
    }
    if (chunks.done) this.chunks = null;
    if (chunks.done && chunks.trailers !== '') this.events.downstreamTrailers(chunks.trailers);
    if (chunks.done || body.length > 0) this.events.downstreamBody(body, chunks.done);
    return bytes.subarray(used);
  }

  chunkData(bytes: Uint8Array, start: number, end: number): void {
    this.pieces.push(bytes.subarray(start, end));
  }

  private ended(): void {
    if (!this.live) return;
    if (this.isReceiving) {
      this.socket.destroy();
      return;
    }
    this.halfClosed = true;
    // A tunnel may be quiet for long, so that nothing but its client's system can tell whether anybody is there.
    this.socket.setKeepAlive(true, HALF_CLOSED_PROBE_MS);
    if (this.open) this.events.downstreamBody(NOTHING, true);
  }

  peerAddress(): string {
    return peerAddress(this.socket);
  }

  clientCertificates(): readonly X509Certificate[] {
    return clientCertificates(this.socket);
  }

  inform(head: string | Uint8Array): void {
    if (this.live) this.socket.write(interimHead(head), 'latin1');
  }

  respond(head: string | Uint8Array, length: number, body: Uint8Array | string | null, headLength: number): void {
    if (!this.live) return;
    this.writeHead(head, length === NO_BODY ? headLength : length);
    if (length !== NO_BODY && body !== null) this.socket.write(ownCopy(body));
    this.socket.end();
  }

  begin(head: string | Uint8Array, length: number): void {
    if (!this.live) return;
    if (length !== TUNNEL) {
      this.writeHead(head, length);
      return;
    }
    this.socket.write(`HTTP/1.1 ${headText(head)}\r\n\r\n`, 'latin1');
    this.open = true;
    const { early } = this;
    this.early = NOTHING;
    if (early.length > 0) this.events.downstreamBody(early, false);
    if (this.halfClosed) this.events.downstreamBody(NOTHING, true);
    else if (!this.paused) this.socket.resume();
  }

  private writeHead(head: string | Uint8Array, length: number): void {
    const framing = length >= 0 ? `\r\nContent-Length: ${length}` : '';
    const text = headText(head);
    const date = hasField(text, 'date') ? '' : `\r\nDate: ${new Date().toUTCString()}`;
    this.socket.write(`HTTP/1.1 ${text}${date}${framing}\r\nConnection: close\r\n\r\n`, 'latin1');
  }

  write(chunk: Uint8Array): boolean {
    if (!this.live) return true;
    const flows = this.socket.write(ownCopy(chunk));
    if (!flows) this.noteWaiting();
    return flows;
  }

  private noteWaiting(): void {
    const { budget } = this.listener.worker;
    const bytes = this.socket.destroyed ? 0 : this.socket.writableLength + this.early.length;
    if (bytes > 0) budget.hold(this, bytes);
    else if (this.heldBytes > 0) budget.release(this);
  }

  endOverBudget(): void {
    this.cutOff('what waits in its tunnel is too much');
  }

  end(): boolean {
    if (!this.live) return true;
    this.socket.end();
    if (this.socket.writableLength === 0) return true;
    this.socket.once('finish', () => this.guard(this.writable));
    return false;
  }

  abort(): void {
    this.live = false;
    breakOff(this.socket);
  }

  pauseBody(): void {
    this.paused = true;
    this.socket.pause();
  }

  resumeBody(): void {
    this.paused = false;
    this.resumes++;
    if (this.open || this.isReceiving) this.socket.resume();
  }

  release(): void {
    if (!this.live) return;
    this.live = false;
    // The exchange ends when the server has: what the client still sends is for nobody. Closing at once would answer it
    // with a reset, which may take what is under way from the client.
    this.socket.resume();
    this.socket.end();
    if (this.socket.writableFinished) this.linger();
    else this.socket.once('finish', () => this.guard(this.linger));
  }

  private linger(): void {
    if (this.heldBytes > 0) this.noteWaiting();
    lingerOn(this.socket, this.listener.worker.wheel);
  }

  look(ms: number): void {
    this.guard(() => this.lookAtProgress(ms));
  }

  private lookAtProgress(ms: number): void {
    const { uploadTimeoutMs, downloadTimeoutMs } = this.listener.worker.options;
    this.noteWaiting();
    const waits = this.socket.writableLength > 0;
    const { paused, open } = this;
    if (this.upload.isOverdue(this.isReceiving && !paused, this.brought, ms, uploadTimeoutMs)) {
      this.events.downstreamFailed(FAULTS.requestTimeout, 'the client does not send its body');
    } else if (this.download.isOverdue(waits, waits ? bytesTaken(this.socket) : 0, ms, downloadTimeoutMs)) {
      this.cutOff('the client does not take what comes through its tunnel');
    } else if (this.passing.isOverdue(open && paused, this.resumes * LEAST_BYTES, ms, downloadTimeoutMs)) {
      this.cutOff('the server does not take what comes through its tunnel');
    } else if (this.afterFin.isOverdue(this.halfClosed && !open, bytesTaken(this.socket), ms, HALF_CLOSED_MS)) {
      this.cutOff('it has closed its side before there was a tunnel');
    } else if ((paused || this.halfClosed) && isPeerGone(this.socket)) {
      this.socket.destroy();
    }
  }

  private cutOff(reason: string): void {
    log.debug('a tunnel is cut off', { reason, client: this.socket.remoteAddress ?? '' });
    breakOff(this.socket);
  }

  private writable(): void {
    if (this.heldBytes > 0) this.noteWaiting();
    if (this.live) this.events.downstreamWritable();
  }

  private closed(): void {
    this.listener.watch.delete(this);
    if (this.heldBytes > 0) this.listener.worker.budget.release(this);
    if (!this.live) return;
    this.live = false;
    this.events.downstreamAborted();
  }
}
