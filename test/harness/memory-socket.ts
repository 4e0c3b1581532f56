/**
 * A ByteSocket without a system: a test gives it bytes, cut as it likes, and looks at what the protocol on it has sent.
 * The bytes of a read are overwritten behind the call, and a throw of the user is kept for the test to find.
 */
import type { X509Certificate } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ByteSocket, SocketUser } from '../../src/data/socket/byte-socket.ts';
import { ByteOutput, recycle } from '../../src/kernel/byte-output.ts';

const OVERWRITTEN = 0xee;

export type MemorySocketOptions = {
  readonly secure?: boolean;
  readonly alpn?: string;
  readonly serverName?: string;
  readonly peer?: string;
};

export class MemorySocket implements ByteSocket {
  readonly secure: boolean;
  readonly alpn: string;
  readonly serverName: string;
  readonly out = new ByteOutput();
  closed = false;
  received = 0;
  taken = 0;
  /** How it has come to its end. */
  endSent = false;
  wasReset = false;
  /** What the user has thrown. */
  readonly crashes: unknown[] = [];
  /** The user has asked for no more, until `resume`. */
  paused = false;
  /** The peer's system is gone without a word. */
  peerGone = false;
  private readonly peer: string;
  private user: SocketUser | null = null;
  /** Given and not used yet. */
  private input: Buffer = Buffer.alloc(0);
  private inputEnded = false;
  private endTold = false;
  private resting = false;
  private reading = false;
  private deliverScheduled = false;
  private flushScheduled = false;
  private ending = false;
  private leaves = false;
  /** Flushed, and not taken by the peer. */
  private waiting: Buffer = Buffer.alloc(0);
  /** Bytes that the peer takes before it is slow. */
  private room = Number.POSITIVE_INFINITY;
  private stalled = false;
  private readonly gone: Buffer[] = [];

  constructor({ secure = false, alpn = '', serverName = '', peer = '192.0.2.1' }: MemorySocketOptions = {}) {
    this.secure = secure;
    this.alpn = alpn;
    this.serverName = serverName;
    this.peer = peer;
  }

  // What a test does.

  /** The peer sends these; they are read within the call unless the user has paused or rests. */
  give(bytes: Uint8Array | string): void {
    const more = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    this.received += more.length;
    this.input = Buffer.concat([this.input, more]);
    this.deliver();
  }

  /** The peer ends its side. */
  giveEnd(): void {
    this.inputEnded = true;
    this.deliver();
  }

  /** The connection breaks. */
  fail(reason: string): void {
    this.over(reason);
  }

  /** From now on the peer takes only so many bytes more. */
  limit(bytes: number): void {
    this.room = bytes;
  }

  /** The peer takes so many more. */
  take(bytes: number): void {
    this.room += bytes;
    this.send();
  }

  /** All that has gone out, and forgets it. */
  sent(): Buffer {
    return Buffer.concat(this.gone.splice(0));
  }

  /** As `sent`, one character per byte. */
  sentText(): string {
    return this.sent().toString('latin1');
  }

  /** What was given, and not used. */
  get unread(): number {
    return this.input.length;
  }

  /** `turns` turns of the event loop pass: flushes and postponed reads happen. */
  async settle(turns = 3): Promise<void> {
    for (let i = 0; i < turns; i++) await nextTurn();
  }

  // What a protocol does.

  get backlog(): number {
    return this.waiting.length + this.out.length;
  }

  get heldBytes(): number {
    return this.backlog;
  }

  begin(user: SocketUser): void {
    this.user = user;
    this.deliverSoon();
  }

  flushSoon(): void {
    if (this.closed || this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.closed) return;
    const pieces: Uint8Array[] = [];
    this.out.takePieces(pieces);
    this.waiting = Buffer.concat([this.waiting, ...pieces]);
    for (const piece of pieces) recycle(piece);
    this.send();
    this.stalled ||= this.waiting.length > 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.deliverSoon();
  }

  rest(): void {
    this.resting = true;
    this.deliverSoon();
  }

  end(): void {
    if (this.closed) return;
    this.ending = true;
    this.flush();
  }

  endAndClose(): void {
    this.leaves = true;
    this.end();
  }

  reset(): void {
    if (this.closed) return;
    this.wasReset = true;
    this.over('');
  }

  close(): void {
    this.over('');
  }

  isPeerGone(): boolean {
    return this.peerGone;
  }

  keepAlive(_ms: number): void {}

  peerAddress(): string {
    return this.peer;
  }

  peerPort(): number {
    return 0;
  }

  tlsFacts(): null {
    return null;
  }

  clientCertificates(): readonly X509Certificate[] {
    return [];
  }

  private deliverSoon(): void {
    if (this.deliverScheduled) return;
    this.deliverScheduled = true;
    setImmediate(() => {
      this.deliverScheduled = false;
      this.resting = false;
      this.deliver();
    });
  }

  private get reads(): boolean {
    return !this.closed && this.user !== null && !this.paused && !this.resting && !this.reading;
  }

  private deliver(): void {
    if (!this.reads) return;
    const bytes = this.input;
    if (bytes.length > 0) {
      this.input = Buffer.alloc(0);
      this.reading = true;
      let used = bytes.length;
      this.guard((user) => {
        used = user.socketRead(bytes, 0, bytes.length);
      });
      this.reading = false;
      if (used < bytes.length) {
        if (this.reads) throw new Error(`${bytes.length - used} bytes were left without a pause or rest`);
        this.input = Buffer.concat([bytes.subarray(used), this.input]);
      }
      bytes.fill(OVERWRITTEN);
    }
    if (this.inputEnded && !this.endTold && this.input.length === 0 && this.reads) {
      this.endTold = true;
      this.guard((user) => user.socketEnded());
    }
  }

  /** Gives the peer what it takes. */
  private send(): void {
    const length = Math.min(this.room, this.waiting.length);
    if (length > 0) {
      this.gone.push(this.waiting.subarray(0, length));
      this.waiting = this.waiting.subarray(length);
      this.taken += length;
      this.room -= length;
    }
    if (this.waiting.length > 0) return;
    if (this.ending) this.endSent = true;
    if (this.leaves) this.close();
    if (!this.stalled) return;
    this.stalled = false;
    setImmediate(() => {
      if (!this.closed) this.guard((user) => user.socketDrained());
    });
  }

  private over(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.out.clear();
    setImmediate(() => this.guard((user) => user.socketClosed(reason)));
  }

  private guard(step: (user: SocketUser) => void): void {
    const { user } = this;
    if (user === null) return;
    try {
      step(user);
    } catch (error) {
      this.crashes.push(error);
      user.socketCrashed(error);
      this.close();
    }
  }
}
