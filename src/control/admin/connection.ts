/**
 * One connection to the admin address: one answer at a time, and nothing is read while one is under way. Every state has
 * its time: a head must be whole, and an answer must be taken piece by piece.
 *
 *     reading ─▶ answering ─▶ reading ─▶ … ─▶ ending (the client may still say something) ─▶ closed
 *                    └──────▶ streaming
 */

import type { Socket } from 'node:net';
import { dateLine } from '../../http/http-date.ts';
import { timerSpan } from '../../kernel/durations.ts';
import { log } from '../../kernel/log.ts';
import { http } from '../../kernel/node-http.ts';
import type { InternalExchange, InternalLog } from '../access-log/internal-log.ts';
import { type Page, type PagesInUse, PIECE_BYTES } from './page.ts';
import type { AdminRequest } from './request.ts';
import { RequestReader } from './request-reader.ts';
import type { Unpacking } from './unpacking.ts';

/** Milliseconds. */
export type ConnectionTimes = {
  /** From the connection, or the end of the answer before, to a whole head; a total, TLS handshake included. */
  readonly headMs: number;
  /** In which a client must take a piece of what it is sent. */
  readonly pieceMs: number;
  /** In which it must take a whole answer. */
  readonly answerMs: number;
};

/** How long a client may go on sending after an answer that ends its connection. */
const ENDING_MS = 1000;
/** Of a status in its line. */
const STATUS_AT = 'HTTP/1.1 '.length;

export type Fields = Readonly<Record<string, string | number>>;

export type ConnectionOwner = {
  readonly times: ConnectionTimes;
  readonly pages: PagesInUse;
  /** null: requests have no lines. */
  readonly log: InternalLog | null;
  /** Exactly one `answer` or `stream` follows. */
  readonly onRequest: (request: AdminRequest, connection: AdminConnection) => void;
  readonly onClose: (connection: AdminConnection) => void;
};

/** Of the line of the request that is answered. */
type Logged = { request: AdminRequest | null; readonly wall: number; status: number; head: string; bytes: number };

const NO_FIELDS: InternalExchange['fields'] = new Map();

type State = 'reading' | 'answering' | 'streaming' | 'ending' | 'closed';

/** Who is closed first when there are too many. */
const WORTH: Readonly<Record<State, number>> = { closed: 0, ending: 0, reading: 1, answering: 2, streaming: 3 };

export class AdminConnection {
  /** Called when it is closed while it streams. */
  onStreamEnd: () => void = () => {};
  private readonly owner: ConnectionOwner;
  private readonly address: string;
  private readonly port: number;
  private logged: Logged | null = null;
  private socket: Socket;
  private readonly reader = new RequestReader();
  private stateNow: State = 'reading';
  /** performance.now() of the last change of state or progress. */
  private since = performance.now();
  private timer: NodeJS.Timeout | null = null;
  private keepAlive = false;
  private isSecure = false;
  private answerBy = 0;
  private pageInUse: Page | null = null;
  /** A stream ends when it has written what it has. */
  private ended = false;
  /** Bytes that go before the next piece. */
  private before: Buffer | null = null;
  private readonly queue: Page[] = [];
  /** Of `pageInUse`, the next bytes to be written. */
  private piece = 0;
  private at = 0;
  private writing = false;
  /** What the next bytes come from when all others are written. */
  private unpacking: Unpacking | null = null;

  /** `socket`: as it was accepted; with TLS `open` follows with the one that decrypts. */
  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.owner = owner;
    this.address = socket.remoteAddress ?? '';
    this.port = socket.remotePort ?? 0;
    this.arm(owner.times.headMs);
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.closed());
  }

  get state(): State {
    return this.stateNow;
  }

  /** Something is being written, so that a stream must not be given more. */
  get isBusy(): boolean {
    return this.writing;
  }

  get peerAddress(): string {
    return this.address;
  }

  /** Begins to read. */
  open(socket: Socket): void {
    if (this.stateNow === 'closed') {
      socket.destroy();
      return;
    }
    if (socket !== this.socket) {
      this.socket = socket;
      this.isSecure = true;
      socket.on('error', () => this.destroy());
      socket.on('close', () => this.closed());
    }
    socket.on('data', (chunk: Buffer) => this.received(chunk));
  }

  /** Is this one rather closed than `other`? Who says nothing goes before who is answered, the oldest first. */
  isWorthLess(other: AdminConnection): boolean {
    const [own, others] = [WORTH[this.stateNow], WORTH[other.stateNow]];
    return own === others ? this.since < other.since : own < others;
  }

  /** `body`: null when the status has none. `withoutBody`: its length is told, but it is not sent. */
  answer(status: number, fields: Fields, body: Page | null, withoutBody = false): void {
    if (this.stateNow !== 'answering') return;
    this.writeHead(status, body === null ? fields : { ...fields, 'Content-Length': body.bytes }, this.keepAlive);
    if (body !== null && body.bytes > 0 && !withoutBody) this.queue.push(body);
    this.write();
  }

  /** `body`: it is ended when it is sent, or the connection is closed. */
  answerUnpacked(status: number, fields: Fields, body: Unpacking): void {
    if (this.stateNow !== 'answering') {
      body.end();
      return;
    }
    this.writeHead(status, { ...fields, 'Content-Length': body.bytes }, this.keepAlive);
    this.unpacking = body;
    // What it is unpacked from is in use as well, and none of it is sent.
    this.pageInUse = body.page;
    this.piece = body.page.pieces.length;
    this.owner.pages.use(body.page, this);
    this.write();
  }

  /** An answer that goes on until the connection ends. Its head goes out with what is sent first. */
  stream(fields: Fields, first: string): void {
    if (this.stateNow !== 'answering') return;
    this.change('streaming');
    this.disarm();
    this.writeHead(200, fields, false);
    this.before = Buffer.concat([this.before!, Buffer.from(first)]);
    // Nobody has anything to say here; what is read is the end.
    this.socket.resume();
  }

  /** Only while it is not busy: nothing piles up. */
  send(pages: readonly Page[]): void {
    if (this.stateNow !== 'streaming') return;
    this.queue.push(...pages);
    if (!this.writing) this.write();
  }

  /** Ends once what is being written is out, at once when nothing is. */
  end(): void {
    this.keepAlive = false;
    this.ended = true;
    if (this.stateNow === 'reading') this.destroy();
    else if (this.stateNow === 'streaming' && !this.writing) this.finish();
  }

  destroy(): void {
    this.socket.destroy();
    this.closed();
  }

  private received(chunk: Buffer): void {
    if (this.stateNow === 'ending' || this.stateNow === 'closed') return;
    if (this.stateNow === 'streaming') {
      this.destroy();
      return;
    }
    this.reader.push(chunk);
    if (this.stateNow === 'reading') this.next();
  }

  private next(): void {
    const request = this.reader.next();
    if (request === null) {
      this.socket.resume();
      return;
    }
    this.socket.pause();
    this.change('answering');
    this.answerBy = this.since + this.owner.times.answerMs;
    this.arm(this.owner.times.answerMs);
    if (this.owner.log !== null) {
      const known = typeof request === 'number' ? null : request;
      this.logged = { request: known, wall: Date.now(), status: 0, head: '', bytes: 0 };
    }
    if (typeof request === 'number') {
      this.keepAlive = false;
      this.writeHead(request, { 'Content-Length': 0 }, false);
      this.write();
      return;
    }
    this.keepAlive = request.keepAlive;
    this.owner.onRequest(request, this);
  }

  private writeHead(status: number, fields: Fields, keepAlive: boolean): void {
    let head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}${dateLine()}\r\n`;
    for (const [name, value] of Object.entries(fields)) head += `${name}: ${value}\r\n`;
    // Tells clients that keep connections when ours end, so that they do not use one that is just being closed.
    const { headMs } = this.owner.times;
    head += keepAlive ? `Keep-Alive: timeout=${Math.floor(headMs / 1000)}\r\n\r\n` : 'Connection: close\r\n\r\n';
    this.before = Buffer.from(head, 'latin1');
    if (this.logged !== null) {
      this.logged.status = status;
      this.logged.head = head.slice(STATUS_AT);
    }
  }

  /** One piece in a turn of the event loop, and the next when the kernel has taken it. */
  private write(): void {
    if (this.stateNow === 'closed') return;
    const bytes = this.nextBytes();
    if (bytes === null) {
      this.wroteAll();
      return;
    }
    this.writing = true;
    this.socket.write(bytes, (error) => {
      if (error !== undefined && error !== null) return;
      this.since = performance.now();
      if (this.hasMore()) setImmediate(() => this.write());
      else this.wroteAll();
    });
    const left = this.stateNow === 'answering' ? this.answerBy - this.since : Number.POSITIVE_INFINITY;
    this.arm(Math.min(this.owner.times.pieceMs, Math.max(left, 1)));
  }

  /** Of what is here. */
  private wroteAll(): void {
    if (this.unpacking === null) this.wrote();
    else void this.unpack(this.unpacking);
  }

  private async unpack(unpacking: Unpacking): Promise<void> {
    try {
      const piece = await unpacking.next();
      if (this.stateNow === 'closed') return;
      this.before = piece;
      if (piece === null) this.endUnpacking();
      this.write();
    } catch {
      this.destroy();
    }
  }

  private endUnpacking(): void {
    this.unpacking?.end();
    this.unpacking = null;
  }

  private hasMore(): boolean {
    return this.queue.length > 0 || (this.pageInUse !== null && this.piece < this.pageInUse.pieces.length);
  }

  /** null: all is written. */
  private nextBytes(): Buffer | null {
    const { before } = this;
    this.before = null;
    const part = this.nextPart();
    if (before === null || part === null) return before ?? part;
    return Buffer.concat([before, part]);
  }

  private nextPart(): Buffer | null {
    if (!this.hasMore()) return null;
    if (this.pageInUse === null || this.piece >= this.pageInUse.pieces.length) {
      this.releasePage();
      this.pageInUse = this.queue.shift()!;
      this.piece = 0;
      this.at = 0;
      this.owner.pages.use(this.pageInUse, this);
    }
    const bytes = this.pageInUse.pieces[this.piece];
    const part = bytes.subarray(this.at, this.at + PIECE_BYTES);
    this.at += part.length;
    if (this.logged !== null) this.logged.bytes += part.length;
    if (this.at >= bytes.length) {
      this.piece++;
      this.at = 0;
    }
    return part;
  }

  private wrote(): void {
    this.writing = false;
    this.releasePage();
    if (this.stateNow === 'streaming') {
      this.disarm();
      if (this.ended) this.finish();
      return;
    }
    if (this.stateNow !== 'answering') return;
    this.tellLog(true);
    if (!this.keepAlive) {
      this.finish();
      return;
    }
    this.change('reading');
    this.arm(this.owner.times.headMs);
    // The others come first.
    setImmediate(() => {
      if (this.stateNow === 'reading') this.next();
    });
  }

  /** What the client is still sending is read for a moment: to close over it would take its answer from it. */
  private finish(): void {
    this.tellLog(true);
    this.change('ending');
    this.arm(ENDING_MS);
    this.reader.clear();
    this.socket.end();
    this.socket.resume();
  }

  /** The answer has ended; a stream has as well when its client leaves. */
  private tellLog(isWhole: boolean): void {
    const { logged, owner } = this;
    if (logged === null) return;
    this.logged = null;
    owner.log!.ended({
      peer: this.address,
      port: this.port,
      isSecure: this.isSecure,
      method: logged.request?.method ?? '',
      target: logged.request?.target ?? '',
      protocol: logged.request?.protocol ?? 'HTTP/1.1',
      fields: logged.request?.fields ?? NO_FIELDS,
      wall: logged.wall,
      ms: performance.now() - this.answerBy + owner.times.answerMs,
      status: logged.status,
      head: logged.head,
      bytes: logged.bytes,
      isWhole,
    });
  }

  private change(state: State): void {
    this.stateNow = state;
    this.since = performance.now();
  }

  private arm(ms: number): void {
    this.disarm();
    this.timer = setTimeout(() => this.expired(), timerSpan(ms));
  }

  private disarm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private expired(): void {
    log.debug('a client of the admin address was too slow', { client: this.peerAddress, state: this.stateNow });
    this.destroy();
  }

  private releasePage(): void {
    if (this.pageInUse !== null) this.owner.pages.release(this.pageInUse, this);
    this.pageInUse = null;
  }

  private closed(): void {
    if (this.stateNow === 'closed') return;
    const { stateNow: before } = this;
    this.tellLog(before === 'streaming');
    this.change('closed');
    this.disarm();
    this.releasePage();
    this.endUnpacking();
    this.queue.length = 0;
    this.before = null;
    this.reader.clear();
    if (before === 'streaming') this.onStreamEnd();
    this.owner.onClose(this);
  }
}
