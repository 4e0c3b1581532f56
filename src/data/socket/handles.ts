/**
 * The handles below node's sockets. Some mistakes with them end
 * the whole process (a write request used twice, a second write under TLS, an `onread` that returns something): the flags
 * here make them impossible, whatever the callers do (test/unit/data/handles.test.ts makes each of those mistakes).
 *
 * The version of Node is pinned (package.json). Everything is checked when it is loaded (stream-binding.ts) and once more by
 * self-test.ts; where anything is missing the engine runs on node's sockets (stream-socket.ts).
 */
import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { has, METHODS, type StreamBinding, streamBinding, TCP_METHODS } from './stream-binding.ts';

/**
 * What one read takes at most. All handles of a thread read into one buffer: reads are synchronous, one at a time, and
 * what was read is used or copied within the call. With TLS a read brings a record, 16 KiB.
 */
export const READ_BYTES = 262_144;
export const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

const EPIPE = -32;
const UV_EOF = -4095;

/** Not to be looked into elsewhere. */
export type RawHandle = {
  onread: unknown;
  readonly _parent?: RawHandle;
  readonly writeQueueSize: number;
  readonly bytesWritten: number;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: object, bytes: Uint8Array): number;
  writev(request: object, pieces: readonly Uint8Array[], allBuffers: true): number;
  shutdown(request: object): number;
  close(closed: () => void): void;
  reset(closed: () => void): number;
  getpeername(out: { address?: string; port?: number }): number;
  getsockname(out: { address?: string }): number;
  setNoDelay(on: boolean): number;
  setKeepAlive(on: boolean, seconds: number): number;
  [STREAM]?: StreamHandle | undefined;
};

type ListeningHandle = RawHandle & { onconnection: (status: number, handle?: RawHandle) => void };

/**
 * One write, or one end. It belongs to it until `oncomplete`, which is called of what was not done at once; and within the
 * call of a write over TLS that fails there, although that call then says that the end is to come.
 */
type Request = { oncomplete: unknown; stream: StreamHandle | null; kept: unknown };

const STREAM = Symbol('stream');

/** Whose connection it is. */
export type PeerName = { readonly address: string; readonly port: number };

const binding = streamBinding as StreamBinding;

export function reasonOfStatus(status: number): string {
  return getSystemErrorName(status);
}

/** What hears of a handle. Throws go to `handleCrashed`. */
export interface HandleUser {
  /** `readBuffer[0, length)` has come. */
  handleRead(length: number): void;
  /** The peer has ended its side. */
  handleEnded(): void;
  handleFailed(reason: string): void;
  /** The write that was under way is done; `status` < 0: it has failed. */
  handleWrote(status: number): void;
  /** Our side is ended. */
  handleShut(): void;
  /** After `close` or `reset`. */
  handleClosed(): void;
  handleCrashed(error: unknown): void;
}

/** Node calls it with the handle as `this`. What it returned would be the next buffer. */
function onRead(this: RawHandle): undefined {
  const length = binding.streamBaseState[binding.kReadBytesOrError];
  // 0: nothing this time.
  if (length !== 0) this[STREAM]?.hasRead(length);
  return undefined;
}

function wrote(this: Request, status: number): void {
  const { stream } = this;
  this.stream = null;
  this.kept = null;
  stream?.hasWritten(status);
}

function shut(this: Request): void {
  const { stream } = this;
  this.stream = null;
  stream?.hasShut();
}

/** Serves one write after the other, as long as they are done at once. */
let spare: Request | null = null;

function spareFor(stream: StreamHandle): Request {
  if (spare === null) {
    spare = new binding.WriteWrap() as Request;
    spare.oncomplete = wrote;
  }
  spare.stream = stream;
  return spare;
}

/** One connection: TCP, or TLS on top of it. Every call is safe in every state. */
export class StreamHandle {
  private readonly raw: RawHandle;
  /** With TLS, the connection that carries it. */
  private readonly below: RawHandle;
  private readonly user: HandleUser;
  private reading: boolean;
  private writing = false;
  /** The status of a write that was told within its call. */
  private doneWithin = 0;
  private isShut = false;
  private shutDone = false;
  private readEnded = false;
  private over = false;

  /** `reading`: somebody reads from it already. */
  constructor(raw: RawHandle, user: HandleUser, reading: boolean) {
    this.raw = raw;
    this.below = raw._parent ?? raw;
    this.user = user;
    this.reading = reading;
    raw[STREAM] = this;
    raw.onread = onRead;
    // Once per handle: each call leaves something behind.
    raw.useUserBuffer(readBuffer);
  }

  setReading(on: boolean): void {
    if (on === this.reading || this.over || this.readEnded) return;
    this.reading = on;
    if (on) this.raw.readStart();
    else this.raw.readStop();
  }

  /** A write was not done at once. */
  get isWriting(): boolean {
    return this.writing;
  }

  /**
   * 0: written, `bytes` are free. 1: `handleWrote` follows; without TLS `bytes` must stay as they are until then, with
   * TLS they are free. < 0: it has failed, see `reasonOfStatus`.
   */
  write(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0;
    if (!this.mayWrite()) return EPIPE;
    return this.began(this.raw.writeBuffer(spareFor(this), bytes), bytes);
  }

  /** The same of several pieces, none of them empty. Not with TLS, which would copy them. */
  writeAll(pieces: readonly Uint8Array[]): number {
    if (pieces.length === 0) return 0;
    if (!this.mayWrite()) return EPIPE;
    return this.began(this.raw.writev(spareFor(this), pieces, true), pieces);
  }

  private mayWrite(): boolean {
    if (this.writing) throw new Error('a write is under way');
    return !this.over && !this.isShut;
  }

  private began(status: number, kept: unknown): number {
    const request = spare!;
    if (status !== 0) {
      spare = null;
      return status < 0 ? status : EPIPE;
    }
    if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) {
      request.stream = null;
      return 0;
    }
    // It belongs to this write from now on.
    spare = null;
    if (request.stream === null) return this.doneWithin;
    request.kept = kept;
    this.writing = true;
    return 1;
  }

  /** Bytes that were written and that the system has not taken; with TLS, as TLS has made them. */
  get queued(): number {
    return this.over ? 0 : this.below.writeQueueSize;
  }

  /** Bytes that the system has taken for the peer, as TLS has made them. */
  get taken(): number {
    return this.over ? 0 : this.below.bytesWritten - this.below.writeQueueSize;
  }

  /** Ends our side; only when nothing is being written. `handleShut` follows, maybe within the call. */
  shutDown(): void {
    if (this.writing) throw new Error('a write is under way');
    if (this.over || this.isShut) return;
    this.isShut = true;
    const request = new binding.ShutdownWrap() as Request;
    request.oncomplete = shut;
    request.stream = this;
    if (this.raw.shutdown(request) === 0) return;
    this.shutDone = true;
    this.user.handleShut();
  }

  /** '' and 0 when it is gone. */
  peer(): PeerName {
    const out: { address?: string; port?: number } = {};
    if (!this.over) this.below.getpeername(out);
    return { address: out.address ?? '', port: out.port ?? 0 };
  }

  /** The peer has reset it. */
  isPeerGone(): boolean {
    return this.over || this.below.getpeername({}) !== 0;
  }

  keepAlive(seconds: number): void {
    if (!this.over) this.below.setKeepAlive(true, seconds);
  }

  /** Nothing is heard of it any more. Of a TLSSocket, which is to be destroyed. */
  letGo(): void {
    this.over = true;
  }

  /** Not of a TLSSocket. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.below.close(() => this.closed());
  }

  /** As `close`, by a reset; with TLS in any case without close_notify. */
  reset(): void {
    // While our side is being ended the system's call is refused, and node would not close the handle any more.
    if (this.isShut && !this.shutDone) {
      this.close();
      return;
    }
    if (this.over) return;
    this.over = true;
    this.below.reset(() => this.closed());
  }

  /** Gives the connection away, with nothing of it read since. Not with TLS. */
  release(): RawHandle {
    this.setReading(false);
    this.over = true;
    this.raw[STREAM] = undefined;
    return this.raw;
  }

  hasRead(length: number): void {
    if (this.over) return;
    try {
      if (length > 0) {
        this.user.handleRead(length);
        return;
      }
      this.reading = false;
      this.readEnded = true;
      if (length === UV_EOF) this.user.handleEnded();
      else this.user.handleFailed(reasonOfStatus(length));
    } catch (error) {
      this.user.handleCrashed(error);
    }
  }

  hasWritten(status: number): void {
    if (!this.writing) {
      this.doneWithin = status;
      return;
    }
    this.writing = false;
    try {
      this.user.handleWrote(status);
    } catch (error) {
      this.user.handleCrashed(error);
    }
  }

  hasShut(): void {
    this.shutDone = true;
    if (this.over) return;
    try {
      this.user.handleShut();
    } catch (error) {
      this.user.handleCrashed(error);
    }
  }

  private closed(): void {
    try {
      this.user.handleClosed();
    } catch (error) {
      this.user.handleCrashed(error);
    }
  }
}

/**
 * From now on `take` gets what the listening `server` accepts, and nothing on top of it: with NODELAY and KEEPALIVE as
 * the listening socket has them. `failed`: why one could not be accepted. False: that cannot be had.
 */
export function acceptHandles(
  server: Server,
  keepAliveMs: number,
  take: (raw: RawHandle) => void,
  failed: (reason: string) => void,
): boolean {
  const listening = (server as Server & { _handle?: ListeningHandle })._handle;
  if (streamBinding === null || !listening || typeof listening.onconnection !== 'function') return false;
  // Connections inherit both: that saves each of them five system calls.
  listening.setNoDelay(true);
  listening.setKeepAlive(true, keepAliveMs / 1_000);
  listening.onconnection = (status, raw) => {
    if (raw === undefined) failed(reasonOfStatus(status));
    else take(raw);
  };
  return true;
}

/**
 * The handle of a connection in the clear that `socket` has made, within its `connect`: nothing was read from it. It is
 * no longer that of the socket. Null: the connection is only to be had as a stream.
 */
export function takeHandle(socket: Socket): RawHandle | null {
  const owner = socket as Socket & { _handle?: RawHandle | null };
  const raw = owner._handle;
  if (streamBinding === null || !raw || !has(raw, METHODS) || !has(raw, TCP_METHODS)) return null;
  owner._handle = null;
  return raw;
}

/** Of a connection whose handshake is through; null: it is only to be had as a stream. */
export function tlsHandle(socket: TLSSocket): RawHandle | null {
  const raw = (socket as TLSSocket & { _handle?: RawHandle | null })._handle;
  if (streamBinding === null || !raw || !has(raw, METHODS)) return null;
  return raw._parent !== undefined && has(raw._parent, TCP_METHODS) ? raw : null;
}
