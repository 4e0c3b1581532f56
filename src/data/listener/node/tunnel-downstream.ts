/**
 * The client's side of a request that asks for an upgrade, on the bare socket that node:http has let go of. With a 101
 * it becomes a tunnel, bytes in both directions until both sides have ended; any other answer is the last one of its
 * connection, so it needs no framing but its length.
 *
 *     ASKED ──begin(TUNNEL)──▶ OPEN ──FIN of the client──▶ `last`      nothing of the client is read while ASKED
 *       └──any other answer──▶ ended
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { hasField } from '../../../http/fields.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, TUNNEL } from '../../downstream.ts';
import { headText, interimHead, ownCopy } from './response.ts';
import { breakOff, clientCertificates, peerAddress } from './socket.ts';

const NOTHING = new Uint8Array(0);

export class TunnelDownstream implements Downstream {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly writesDate = false;
  readonly events: DownstreamEvents;
  private readonly socket: Socket;
  private readonly early: Buffer;
  private live = true;
  private open = false;

  /** `early`: what the client sent behind its request. */
  constructor(socket: Socket, secure: boolean, early: Buffer, events: DownstreamEvents) {
    this.socket = socket;
    this.secure = secure;
    this.early = early;
    this.events = events;
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
    this.socket.on('data', (chunk: Buffer) => this.guard(() => this.body(chunk, false)));
    this.socket.on('end', () => this.guard(() => this.body(NOTHING, true)));
    if (this.early.length > 0) this.body(this.early, false);
    this.socket.resume();
  }

  private writeHead(head: string | Uint8Array, length: number): void {
    const framing = length >= 0 ? `\r\nContent-Length: ${length}` : '';
    const text = headText(head);
    const date = hasField(text, 'date') ? '' : `\r\nDate: ${new Date().toUTCString()}`;
    this.socket.write(`HTTP/1.1 ${text}${date}${framing}\r\nConnection: close\r\n\r\n`, 'latin1');
  }

  private body(chunk: Uint8Array, last: boolean): void {
    if (this.live) this.events.downstreamBody(chunk, last);
  }

  write(chunk: Uint8Array): boolean {
    return !this.live || this.socket.write(ownCopy(chunk));
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
    this.socket.pause();
  }

  resumeBody(): void {
    if (this.open) this.socket.resume();
  }

  release(): void {
    if (!this.live) return;
    this.live = false;
    // The exchange ends when the server has: what the client still sends is for nobody.
    this.socket.resume();
    this.socket.destroySoon();
  }

  private writable(): void {
    if (this.live) this.events.downstreamWritable();
  }

  private closed(): void {
    if (!this.live) return;
    this.live = false;
    this.events.downstreamAborted();
  }
}
