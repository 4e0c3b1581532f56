/**
 * Gives what a client sends to node's parser in slices, so that neither a flood of requests nor a body in tiny pieces takes
 * more than its share of a turn of the event loop, and nothing is read ahead of what may run.
 *
 *     socket ── one read ─▶ [ rest ] ── slice ─▶ parser ── requests, pieces ─▶ connection
 *                              │ share spent: the rest waits for the next turn
 *                              └ `takesMore` is false: until somebody resumes the socket; meanwhile it is not read
 *
 * Left alone, node's parser makes requests of all that stands in one read of 64 KiB, and reads on behind each.
 */
import type { Socket } from 'node:net';
import { MAX_SLICE_BYTES, MIN_SLICE_BYTES, TURN_SHARE } from './limits.ts';

const HEAD_END = Buffer.from('\r\n\r\n');

export interface PacedConnection {
  /** The parser may have more. Asked only between heads, never in the middle of one, which would look like a slow client. */
  readonly takesMore: boolean;
  /** What one turn brings is with the parser. */
  turnRead(): void;
  readFailed(error: unknown): void;
}

/** node:http notes by it that a client does not take its answers, and that its parser is not to be called. */
type ParsedSocket = Socket & { _paused?: boolean };

export class PacedReader {
  /** The parser is being given something right now. */
  active = false;
  private readonly socket: ParsedSocket;
  private readonly connection: PacedConnection;
  /** The listener of node:http, which has the parser behind it. */
  private readonly parse: (bytes: Buffer) => void;
  private readonly pauseSocket: Socket['pause'];
  private readonly resumeSocket: Socket['resume'];
  private rest: Buffer | null = null;
  private sliceBytes = MIN_SLICE_BYTES;
  private spent = 0;
  /** We have paused the socket. */
  private holds = false;
  /** Apart from us the socket is to flow. */
  private flows = true;
  private scheduled = false;
  private stopped = false;
  private readonly arrived = (bytes: Buffer): void => {
    if (this.stopped) return;
    this.rest = this.rest === null ? bytes : Buffer.concat([this.rest, bytes]);
    this.read();
  };
  private readonly again = (): void => {
    this.scheduled = false;
    this.read();
  };

  /** To be made after node:http has attached itself to `socket`, before anything was read. */
  constructor(socket: Socket, connection: PacedConnection) {
    const [parse] = socket.listeners('data');
    this.socket = socket;
    this.connection = connection;
    this.parse = parse as (bytes: Buffer) => void;
    this.pauseSocket = socket.pause;
    this.resumeSocket = socket.resume;
    socket.pause = () => this.pause();
    socket.resume = () => this.resume();
    socket.off('data', this.parse);
    socket.on('data', this.arrived);
  }

  /** Something came of what was read; `cost`: 1 for a piece of a body, more for what is dearer. */
  spend(cost: number): void {
    this.spent += cost;
  }

  /** A request has begun: many more may stand behind it. */
  requestBegan(): void {
    this.sliceBytes = MIN_SLICE_BYTES;
  }

  /** Some of what has come waits, and the socket is not read. */
  get isHolding(): boolean {
    return this.holds;
  }

  /** Bytes that have come and are not parsed while the socket is not read. */
  get heldBytes(): number {
    return this.holds && this.rest !== null ? this.rest.length : 0;
  }

  /** Nothing more is for the parser: what has come is dropped, and what still comes as well. */
  stop(): void {
    this.stopped = true;
    this.rest = null;
    this.letGo();
  }

  /** The socket is somebody else's from now on, as it was before. Returns what has come and was not parsed. */
  detach(): Buffer | null {
    const { rest, socket } = this;
    this.stopped = true;
    this.rest = null;
    socket.off('data', this.arrived);
    socket.pause = this.pauseSocket;
    socket.resume = this.resumeSocket;
    return rest;
  }

  private pause(): Socket {
    this.flows = false;
    return this.pauseSocket.call(this.socket);
  }

  /** Whoever has made room calls it: the connection, and node:http behind each message and each answer. */
  private resume(): Socket {
    this.flows = true;
    if (this.rest !== null) this.later();
    else if (!this.holds) this.resumeSocket.call(this.socket);
    return this.socket;
  }

  private later(): void {
    if (this.scheduled || this.active) return;
    this.scheduled = true;
    setImmediate(this.again);
  }

  private read(): void {
    if (this.active) return;
    try {
      this.readTurn();
    } catch (error) {
      this.connection.readFailed(error);
    }
  }

  private readTurn(): void {
    this.active = true;
    this.spent = 0;
    let mayRead = this.mayRead;
    while (mayRead && this.spent < TURN_SHARE) {
      this.readSlice();
      mayRead = this.mayRead;
    }
    this.active = false;
    if (this.stopped) return;
    this.connection.turnRead();
    if (this.rest === null) {
      this.letGo();
      return;
    }
    this.holds = true;
    this.pauseSocket.call(this.socket);
    if (mayRead) this.later();
  }

  private get mayRead(): boolean {
    return this.rest !== null && this.socket._paused !== true && this.connection.takesMore;
  }

  private letGo(): void {
    if (!this.holds) return;
    this.holds = false;
    if (this.flows) this.resumeSocket.call(this.socket);
  }

  private readSlice(): void {
    const slice = this.takeSlice();
    const before = this.spent;
    // Long bodies come in few pieces; whatever else comes keeps the slices small.
    this.sliceBytes = Math.min(this.sliceBytes * 2, MAX_SLICE_BYTES);
    this.parse(slice);
    if (this.spent - before > 1) this.sliceBytes = MIN_SLICE_BYTES;
  }

  /** Up to the end of the last head in it, if it has one. */
  private takeSlice(): Buffer {
    const rest = this.rest!;
    const window = rest.subarray(0, this.sliceBytes);
    const headEnd = window.lastIndexOf(HEAD_END);
    const length = headEnd < 0 ? window.length : headEnd + HEAD_END.length;
    this.rest = length === rest.length ? null : rest.subarray(length);
    return rest.subarray(0, length);
  }
}
