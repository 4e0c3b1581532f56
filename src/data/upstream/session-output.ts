/**
 * What is sent over the connection of one session: heads, bodies as far as the windows and the connection take them, and
 * control frames. All of it gathers in the socket's output, which goes out when the turn of the event loop ends.
 */

import { MAX_HEAD_BYTES } from '../../http/response-head.ts';
import {
  DEFAULT_WINDOW,
  FLAG,
  FRAME_HEAD,
  MAX_FRAME,
  MAX_STREAM_ID,
  MAX_WINDOW,
  PREFACE,
  SETTING,
} from '../../http2/codes.ts';
import {
  beginHeaders,
  endHeaders,
  writeBlock,
  writeData,
  writeGoaway,
  writePing,
  writeReset,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../http2/frame-writer.ts';
import type { RequestEncoder } from '../../http2/request-encoder.ts';
import { overflows } from '../../http2/windows.ts';
import { ByteOutput, recycle } from '../../kernel/byte-output.ts';
import { type FloodBudget, USEFUL_FRAME } from '../flood-budget.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { SessionStream } from './session-stream.ts';

/** What a stalled client can hold of our memory per stream. The connection's window is open, so that it stalls nobody else. */
export const STREAM_WINDOW_BYTES = 262_144;
/** What waits for the connection; beyond that bodies wait with their streams. */
const MAX_BACKLOG = 131_072;
/** Behind so much that waits, for a server that does not read, no stream is opened, and nothing of it is read: it would ask for more. */
const DEAF_BACKLOG = 1_048_576;
/** A block that may be longer is not encoded in place. */
const MAX_IN_PLACE = 12_000;

const SETTINGS = [
  ...[SETTING.enablePush, 0],
  ...[SETTING.initialWindowSize, STREAM_WINDOW_BYTES],
  ...[SETTING.maxHeaderListSize, MAX_HEAD_BYTES],
];
const PING_DATA = new Uint8Array(8);
const NOTHING = new Uint8Array(0);

type Write = (this: RequestEncoder, out: ByteOutput) => void;

export class SessionOutput {
  private readonly socket: ByteSocket;
  private readonly encoder: RequestEncoder;
  private readonly budget: FloodBudget;
  private nextId = 1;
  private window = DEFAULT_WINDOW;
  /** That a new stream begins with. */
  private streamWindow = DEFAULT_WINDOW;
  /** Streams with something to send that the connection does not take, in turns. */
  private waiting = new Set<SessionStream>();

  /** The DATA frame that was written last, while nothing stands behind it. */
  private lastData: SessionStream | null = null;
  private lastPiece: Uint8Array = NOTHING;
  private lastAt = 0;
  private lastEnd = 0;

  constructor(socket: ByteSocket, encoder: RequestEncoder, budget: FloodBudget) {
    this.socket = socket;
    this.encoder = encoder;
    this.budget = budget;
  }

  begin(): void {
    const out = this.written();
    out.bytes(PREFACE, 0, PREFACE.length);
    writeSettings(out, SETTINGS);
    writeWindowUpdate(out, 0, MAX_WINDOW - DEFAULT_WINDOW);
  }

  /** It takes one stream more. */
  get hasRoom(): boolean {
    return this.nextId <= MAX_STREAM_ID && !this.isStuck;
  }

  /** The server reads nothing: what waits goes on when the socket tells that it is out. */
  get isStuck(): boolean {
    return this.waits(DEAF_BACKLOG);
  }

  /** More than so much waits, also when all was sent that the system takes; `socketDrained` follows. */
  private waits(most: number): boolean {
    if (this.socket.backlog <= most) return false;
    this.socket.flush();
    return this.socket.backlog > most;
  }

  /** The stream with that id was opened at some time. */
  wasOpened(id: number): boolean {
    return id < this.nextId && id % 2 === 1;
  }

  /**
   * Opens a stream with this head. Returns its id, 0 when HTTP/2 cannot carry the head.
   * @throws when the server's table is not ours any more: the session is of no use
   */
  open(stream: SessionStream, head: string, ends: boolean, latin1: boolean, neverIndexed: string): number {
    const { encoder } = this;
    if (!encoder.read(head, latin1, neverIndexed)) return 0;
    const id = this.nextId;
    this.nextId += 2;
    stream.window = this.streamWindow;
    this.writeHeaders(id, ends, encoder.write);
    return id;
  }

  /** The end of a stream's body. @throws as `open` */
  trailers(id: number, trailers: string, latin1: boolean): void {
    this.encoder.readTrailers(trailers, latin1);
    this.writeHeaders(id, true, this.encoder.writeTrailers);
  }

  private writeHeaders(id: number, ends: boolean, write: Write): void {
    const { encoder } = this;
    const out = this.written();
    this.budget.gain(USEFUL_FRAME);
    if (encoder.bound < MAX_IN_PLACE) {
      const mark = beginHeaders(out, id, ends);
      write.call(encoder, out);
      endHeaders(out, mark);
      return;
    }
    const block = new ByteOutput();
    const pieces: Uint8Array[] = [];
    write.call(encoder, block);
    block.takePieces(pieces);
    writeBlock(out, id, ends, Buffer.concat(pieces));
    for (const piece of pieces) recycle(piece);
  }

  /** The output, for a frame that is none of DATA. */
  private written(): ByteOutput {
    this.lastData = null;
    this.socket.flushSoon();
    return this.socket.out;
  }

  /** Sends what the windows and the connection take of `bytes[at, …)`. Returns how far it came. */
  data(stream: SessionStream, bytes: Uint8Array, at: number): number {
    const { socket } = this;
    while (at < bytes.length && !this.waits(MAX_BACKLOG)) {
      const length = Math.min(bytes.length - at, stream.window, this.window, MAX_FRAME);
      if (length <= 0) return at;
      socket.flushSoon();
      writeData(socket.out, stream.id, bytes, at, at + length, false);
      this.lastData = stream;
      this.lastPiece = socket.out.piece;
      this.lastEnd = socket.out.at;
      this.lastAt = this.lastEnd - length - FRAME_HEAD;
      stream.window -= length;
      this.window -= length;
      at += length;
      this.budget.gain(USEFUL_FRAME);
    }
    return at;
  }

  /** Ends the body of a stream: by its last frame of DATA, as long as that is here. */
  end(stream: SessionStream): void {
    const { out } = this.socket;
    if (this.lastData === stream && out.piece === this.lastPiece && out.at === this.lastEnd) {
      out.piece[this.lastAt + 4] |= FLAG.endStream;
      return;
    }
    writeData(this.written(), stream.id, NOTHING, 0, 0, true);
  }

  /** More of a stream's body waits. */
  wait(stream: SessionStream): void {
    this.waiting.add(stream);
  }

  /** Those that wait, each of which may send more now, or waits again. */
  takeWaiting(): Iterable<SessionStream> {
    const { waiting } = this;
    if (waiting.size > 0) this.waiting = new Set();
    return waiting;
  }

  windowUpdate(id: number, increment: number): void {
    writeWindowUpdate(this.written(), id, increment);
  }

  reset(id: number, code: number): void {
    writeReset(this.written(), id, code);
  }

  ping(): void {
    writePing(this.written(), false, PING_DATA, 0);
  }

  /** Answers a PING whose 8 bytes begin at `at`. */
  pong(bytes: Uint8Array, at: number): void {
    writePing(this.written(), true, bytes, at);
  }

  settingsAck(): void {
    writeSettingsAck(this.written());
  }

  goaway(code: number): void {
    writeGoaway(this.written(), 0, code);
    this.socket.flush();
  }

  /** False: the window of the connection becomes too large. */
  openWindow(increment: number): boolean {
    if (overflows(this.window, increment)) return false;
    this.window += increment;
    return true;
  }

  /** What streams begin with changes, and so do those that are open. False: one becomes too large. */
  changeWindows(size: number, streams: Iterable<SessionStream>): boolean {
    const change = size - this.streamWindow;
    this.streamWindow = size;
    for (const stream of streams) {
      if (overflows(stream.window, change)) return false;
      stream.window += change;
    }
    return true;
  }
}
