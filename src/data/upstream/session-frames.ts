/**
 * What comes over the connection of one session, and which stream it is for. What no state of HTTP/2 allows ends the
 * connection with the code of RFC 9113; frames of streams that are over are read for the tables' and the windows' sake.
 */
import { CODE, MAX_FRAME, MAX_WINDOW, MOST_FRAME, SETTING } from '../../http2/codes.ts';
import { CutSpace, FrameReader, type FrameSink } from '../../http2/frame-reader.ts';
import { type FieldSink, HpackDecoder } from '../../http2/hpack-decoder.ts';
import { RequestEncoder } from '../../http2/request-encoder.ts';
import { ResponseBlock } from '../../http2/response-block.ts';
import { overflows } from '../../http2/windows.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { frameBudget, TINY_DATA, USEFUL_FRAME } from '../flood-budget.ts';
import { ReadPieces } from '../read-pieces.ts';
import type { ByteSocket, SocketUser } from '../socket/byte-socket.ts';
import { SessionOutput } from './session-output.ts';
import type { SessionStream } from './session-stream.ts';

/** Of the connection's window: what has come is told when so much has. */
const TOLD_BYTES = 1 << 30;
/** Of SETTINGS, in frames of other kinds, besides its entries. */
const SETTINGS_COST = 10;
/** Of frames and blocks that are cut, in all sessions of the worker. */
const CUT_BYTES = 16_777_216;

const cutSpace = new CutSpace(CUT_BYTES);
const block = new ResponseBlock();
const UNWANTED: FieldSink = { field: () => false };

/** The session, as its frames know it. */
export interface FramesOwner {
  /** The server takes so many streams at a time. */
  limited(streams: number): void;
  pingAnswered(): void;
  goneAway(code: number, lastId: number): void;
  /** Bytes that say something have come. */
  heard(): void;
  /** The connection is over. `broken`: what came on it was no HTTP/2 as it should be. */
  connectionLost(reason: string, broken: boolean): void;
  /** An error of ours that no stream is to blame for. */
  crash(error: unknown): void;
}

export class SessionFrames implements FrameSink, SocketUser {
  readonly out: SessionOutput;
  private readonly owner: FramesOwner;
  private readonly socket: ByteSocket;
  private readonly reader: FrameReader;
  private readonly decoder = new HpackDecoder();
  private readonly encoder: RequestEncoder;
  private readonly budget = frameBudget();
  private readonly streams = new Map<number, SessionStream>();
  private over = false;
  private hasSettings = false;
  /** Of DATA that was received, not told to the server yet. */
  private untold = 0;

  /** The stream of the DATA that comes, and what its frame says. */
  private current: SessionStream | null = null;
  private endsStream = false;
  private readonly pieces = new ReadPieces<SessionStream>(give);
  /** Heads have come without more, within this read. */
  private readonly headed: SessionStream[] = [];

  constructor(owner: FramesOwner, socket: ByteSocket, scheme: string, authority: string) {
    this.owner = owner;
    this.socket = socket;
    this.encoder = new RequestEncoder(scheme, authority);
    this.out = new SessionOutput(socket, this.encoder, this.budget);
    this.reader = new FrameReader(this, cutSpace);
  }

  /** HTTP/2 begins on the socket. */
  begin(): void {
    this.out.begin();
    this.socket.begin(this);
  }

  /** It takes one stream more. */
  get hasRoom(): boolean {
    return !this.over && this.out.hasRoom;
  }

  /** Bytes that have come. */
  get received(): number {
    return this.socket.received;
  }

  /** Opens a stream for `stream` with this head. Returns its id, 0 when HTTP/2 cannot carry the head. */
  open(stream: SessionStream, head: string, ends: boolean, latin1: boolean, neverIndexed: string): number {
    try {
      const id = this.out.open(stream, head, ends, latin1, neverIndexed);
      if (id > 0) this.streams.set(id, stream);
      return id;
    } catch (error) {
      this.owner.crash(error);
      throw error;
    }
  }

  /** Ends a stream's body by these. */
  sendTrailers(id: number, trailers: string, latin1: boolean): void {
    try {
      this.out.trailers(id, trailers, latin1);
    } catch (error) {
      this.owner.crash(error);
      throw error;
    }
  }

  /** Gives a stream up. */
  sendReset(id: number, code: number): void {
    this.forget(id);
    if (!this.over) this.out.reset(id, code);
  }

  /** The stream is over for both sides. */
  forget(id: number): void {
    this.streams.delete(id);
  }

  /** Says goodbye, and ends the connection. */
  close(code: number): void {
    if (this.over) return;
    this.stop();
    this.out.goaway(code);
    // A server that reads nothing is not waited for.
    setImmediate(closeSocket, this.socket);
  }

  private stop(): void {
    this.over = true;
    this.reader.close();
    this.pieces.clear();
    this.current = null;
  }

  /** One stream after the other sends what the connection takes of it. */
  private pump(): void {
    for (const stream of this.out.takeWaiting()) this.tell(stream, stream.pump);
  }

  /** A step of a stream: what it throws ends that one only. */
  private tell(stream: SessionStream, step: (this: SessionStream) => void): void {
    const { user } = stream;
    try {
      step.call(stream);
    } catch (error) {
      stream.crash(user, error);
    }
  }

  socketRead(bytes: Buffer, start: number, end: number): number {
    const used = this.reader.read(bytes, start, end);
    this.pieces.passOn();
    const { headed } = this;
    for (const stream of headed) this.tell(stream, stream.waits);
    headed.length = 0;
    if (this.out.isStuck && !this.over) this.socket.pause();
    return used;
  }

  socketEnded(): void {
    this.lost('connection closed');
  }

  socketDrained(): void {
    if (this.over) return;
    this.socket.resume();
    this.pump();
  }

  socketClosed(reason: string): void {
    this.lost(reason === '' ? 'connection closed' : reason);
  }

  socketCrashed(error: unknown): void {
    this.owner.crash(error);
  }

  private lost(reason: string): void {
    if (this.over) return;
    this.pieces.passOn();
    this.stop();
    this.socket.close();
    this.owner.connectionLost(reason, false);
  }

  framesFailed(code: number, reason: string): void {
    if (this.over) return;
    this.pieces.passOn();
    this.close(code);
    this.owner.connectionLost(reason, true);
  }

  /** Frames that are of no use by themselves. */
  private spend(frames: number, what: string): void {
    if (!this.over && !this.budget.spend(frames)) this.framesFailed(CODE.enhanceYourCalm, `too many ${what}`);
  }

  /** RFC 9113 §3.4: SETTINGS come first. */
  private isReady(): boolean {
    if (this.hasSettings) return true;
    this.framesFailed(CODE.protocol, 'no SETTINGS in the first frame');
    return false;
  }

  /** The stream of a frame; null for one that is over, or (the connection ends) that never was. */
  private streamOf(id: number): SessionStream | null {
    const stream = this.streams.get(id);
    if (stream !== undefined) return stream;
    if (!this.out.wasOpened(id)) this.framesFailed(CODE.protocol, 'a frame of a stream that was never opened');
    return null;
  }

  dataBegins(id: number, length: number, content: number, endStream: boolean): void {
    if (!this.isReady()) return;
    this.untold += length;
    if (this.untold >= TOLD_BYTES) {
      this.out.windowUpdate(0, this.untold);
      this.untold = 0;
    }
    const stream = this.streamOf(id);
    if (stream === null || (content < TINY_DATA && !endStream))
      this.spend(1, 'frames of DATA with next to nothing in them');
    else this.budget.gain(length >> 10);
    if (this.over) return;
    this.current = stream;
    this.endsStream = endStream;
    if (stream === null) return;
    this.owner.heard();
    if (!stream.receive.receive(length)) {
      this.current = null;
      this.framesFailed(CODE.flowControl, 'more than the window of a stream');
      return;
    }
    if (length > content) stream.receive.use(length - content);
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    if (this.current !== null) this.pieces.add(this.current, bytes, start, end);
  }

  dataEnds(): void {
    const stream = this.current;
    this.current = null;
    if (stream === null || !this.endsStream) return;
    this.pieces.passOn();
    this.tell(stream, stream.ended);
  }

  headerBlock(
    id: number,
    endStream: boolean,
    _dependsOnItself: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (!this.isReady()) return;
    this.pieces.passOn();
    const stream = this.streamOf(id);
    if (stream === null) this.spend(1, 'frames of streams that are over');
    else block.begin(stream.headForBlock());
    if (this.over) return;
    const problem = this.decoder.decode(bytes, start, end, stream === null ? UNWANTED : block);
    if (problem !== '') {
      this.framesFailed(CODE.compression, problem);
      return;
    }
    if (stream === null) return;
    this.owner.heard();
    this.budget.gain(USEFUL_FRAME);
    const { user } = stream;
    try {
      if (stream.blockCame(block, endStream)) this.headed.push(stream);
    } catch (error) {
      stream.crash(user, error);
    }
  }

  priority(): void {
    if (this.isReady()) this.spend(1, 'PRIORITY frames');
  }

  priorityUpdate(): void {
    this.priority();
  }

  unknownFrame(): void {
    if (this.isReady()) this.spend(1, 'frames of unknown types');
  }

  reset(id: number, code: number): void {
    if (!this.isReady()) return;
    this.pieces.passOn();
    const stream = this.streamOf(id);
    if (stream === null) {
      this.spend(1, 'frames of streams that are over');
      return;
    }
    const { user } = stream;
    try {
      stream.wasReset(code);
    } catch (error) {
      stream.crash(user, error);
    }
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.hasSettings = true;
    this.spend(SETTINGS_COST + (end - start) / 6, 'SETTINGS frames');
    for (let at = start; at < end && !this.over; at += 6) {
      this.setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    if (this.over) return;
    this.out.settingsAck();
    this.pump();
  }

  private setting(id: number, value: number): void {
    if (id === SETTING.headerTableSize) {
      this.encoder.limitTable(value);
    } else if (id === SETTING.maxConcurrentStreams) {
      this.owner.limited(value);
    } else if (id === SETTING.initialWindowSize) {
      if (value > MAX_WINDOW || !this.out.changeWindows(value, this.streams.values())) {
        this.framesFailed(CODE.flowControl, 'SETTINGS with a window that is too large');
      }
    } else if (id === SETTING.maxFrameSize && (value < MAX_FRAME || value > MOST_FRAME)) {
      this.framesFailed(CODE.protocol, 'SETTINGS with a frame size that may not be');
    }
  }

  settingsAcknowledged(): void {
    this.isReady();
  }

  ping(ack: boolean, bytes: Buffer, at: number): void {
    if (!this.isReady()) return;
    if (ack) {
      this.owner.pingAnswered();
      return;
    }
    this.spend(1, 'PING frames');
    if (!this.over) this.out.pong(bytes, at);
  }

  goaway(lastId: number, code: number): void {
    if (!this.isReady()) return;
    this.pieces.passOn();
    this.owner.goneAway(code, lastId);
  }

  windowUpdate(id: number, increment: number): void {
    if (!this.isReady()) return;
    this.spend(1, 'WINDOW_UPDATE frames');
    if (this.over) return;
    if (id === 0) this.openWindow(increment);
    else this.openStreamWindow(id, increment);
  }

  private openWindow(increment: number): void {
    if (increment === 0) this.framesFailed(CODE.protocol, 'an update of the window by nothing');
    else if (this.out.openWindow(increment)) this.pump();
    else this.framesFailed(CODE.flowControl, 'a window that is too large');
  }

  private openStreamWindow(id: number, increment: number): void {
    const stream = this.streamOf(id);
    if (stream === null) return;
    if (increment === 0 || overflows(stream.window, increment)) {
      const [code, reason] =
        increment === 0
          ? [CODE.protocol, 'an update of the window by nothing']
          : [CODE.flowControl, 'a window that is too large'];
      this.sendReset(id, code);
      stream.failAs(FAULTS.badResponse, reason);
      return;
    }
    stream.window += increment;
    this.tell(stream, stream.pump);
  }
}

function closeSocket(socket: ByteSocket): void {
  socket.close();
}

/** What a stream throws ends that one only. */
function give(stream: SessionStream, bytes: Buffer, start: number, end: number): void {
  const { user } = stream;
  try {
    stream.arrived(bytes, start, end);
  } catch (error) {
    stream.crash(user, error);
  }
}
