/** What goes out on one HTTP/2 connection besides DATA: heads, trailers, and control frames, of which only so many wait. */
import { type CODE, FRAME_HEAD } from '../../../http2/codes.ts';
import * as writer from '../../../http2/frame-writer.ts';
import { HpackEncoder, MAX_QUICK } from '../../../http2/hpack-encoder.ts';
import { ByteOutput } from '../../../kernel/byte-output.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { MAX_UNSENT_CONTROL } from './http2-limits.ts';

const PING_BYTES = FRAME_HEAD + 8;
/** Of RST_STREAM and WINDOW_UPDATE. */
const NUMBER_BYTES = FRAME_HEAD + 4;

/** Error codes; others may come. */
export type Http2Code = (typeof CODE)[keyof typeof CODE] | number;

/** Where heads that may not fit into one frame are put together, for all connections of the worker. */
const scratch = new ByteOutput();

/** As text with one character per byte. */
export function textOf(head: string | Uint8Array): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

/** Of the three digits that a head begins with. */
export function statusOf(head: string | Uint8Array): number {
  if (typeof head !== 'string') return (head[0] - 0x30) * 100 + (head[1] - 0x30) * 10 + head[2] - 0x30;
  return (head.charCodeAt(0) - 0x30) * 100 + (head.charCodeAt(1) - 0x30) * 10 + head.charCodeAt(2) - 0x30;
}

export class Http2Output {
  private readonly socket: ByteSocket;
  private readonly encoder = new HpackEncoder();
  /** Bytes of control frames since all was out, as far as we know. */
  private unsent = 0;

  constructor(socket: ByteSocket) {
    this.socket = socket;
  }

  /** `text`: `200 OK\r\nname: value\r\n…`, as `Downstream.respond` has it; `more`: further lines; `sealed`: as of `sealFields`. */
  head(id: number, status: number, text: string, more: string, sealed: string, endStream: boolean): void {
    const { encoder } = this;
    const lineEnd = text.indexOf('\r\n');
    const isLong = text.length + more.length > MAX_QUICK;
    const out = isLong ? scratch : this.socket.out;
    const mark = isLong ? 0 : writer.beginHeaders(out, id, endStream);
    encoder.status(out, status);
    if (lineEnd >= 0) encoder.lines(out, text, lineEnd + 2, sealed);
    if (more !== '') encoder.lines(out, more, 0);
    this.finishBlock(isLong, id, endStream, mark);
  }

  /** `lines`: `name: value\r\n…`. */
  trailers(id: number, lines: string): void {
    const isLong = lines.length > MAX_QUICK;
    const out = isLong ? scratch : this.socket.out;
    const mark = isLong ? 0 : writer.beginHeaders(out, id, true);
    this.encoder.lines(out, lines, 0);
    this.finishBlock(isLong, id, true, mark);
  }

  private finishBlock(isLong: boolean, id: number, endStream: boolean, mark: number): void {
    const { socket } = this;
    if (isLong) {
      const pieces: Uint8Array[] = [];
      scratch.takePieces(pieces);
      writer.writeBlock(socket.out, id, endStream, Buffer.concat(pieces));
    } else {
      writer.endHeaders(socket.out, mark);
    }
    socket.flushSoon();
  }

  settings(settings: readonly number[]): void {
    writer.writeSettings(this.socket.out, settings);
    this.socket.flushSoon();
  }

  settingsAck(): void {
    writer.writeSettingsAck(this.socket.out);
    this.control(FRAME_HEAD);
  }

  ping(ack: boolean, bytes: Uint8Array, at: number): void {
    writer.writePing(this.socket.out, ack, bytes, at);
    this.control(PING_BYTES);
  }

  reset(id: number, code: Http2Code): void {
    writer.writeReset(this.socket.out, id, code);
    this.control(NUMBER_BYTES);
  }

  windowUpdate(id: number, increment: number): void {
    writer.writeWindowUpdate(this.socket.out, id, increment);
    this.control(NUMBER_BYTES);
  }

  goaway(lastId: number, code: Http2Code): void {
    writer.writeGoaway(this.socket.out, lastId, code);
    this.socket.flushSoon();
  }

  private control(bytes: number): void {
    this.unsent += bytes;
    this.socket.flushSoon();
  }

  /** More control frames wait than may: their cause is not to be read on. */
  get isChoked(): boolean {
    if (this.unsent <= MAX_UNSENT_CONTROL) return false;
    this.socket.flush();
    if (this.socket.backlog === 0) this.unsent = 0;
    return this.unsent > MAX_UNSENT_CONTROL;
  }

  /** All that was written is out. */
  drained(): void {
    this.unsent = 0;
  }
}
