/**
 * The bytes of one connection to a server: reads into the worker's one buffer, writes, back-pressure, and two things that
 * node's socket does not do by itself.
 *
 * A write that fails ends only the writing. A server that answers before it has read all of a request, and closes, lets
 * the next write fail while its answer still waits to be read (RFC 9112 §9.6); node would throw it away. So the socket
 * lives on until the server's end is read: `serverIsDeaf`, then `serverEnded`.
 *
 * What was read in one turn of the event loop has a limit: libuv would give 32 buffers in a row of a server that is fast.
 */
import type { OnReadOpts, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readDirectly, writeHead } from '../socket/direct-io.ts';
import type { DialTarget } from './dial.ts';

/** What a connection may bring before it waits for the next turn: two reads. */
const SHARE_BYTES = 524_288;

export interface SocketOwner {
  /** One of the below comes. What it throws goes to `crash`: outside, it would end the whole worker. */
  stepBegins(): void;
  crash(error: unknown): void;
  /** The server has accepted; with TLS, the handshake begins. */
  serverAccepted(): void;
  /** The socket can be used. */
  serverReady(): void;
  /** The first `length` bytes of the buffer were read. False: read no more. */
  serverSent(length: number): boolean;
  /** After a `write` that returned false. */
  serverWritable(): void;
  /** A write has failed: nothing more reaches the server, but what it has sent is still to come. */
  serverIsDeaf(): void;
  /** FIN or the end of the socket; may come twice. */
  serverEnded(): void;
  /** See `error`. */
  serverFailed(): void;
}

type States = Socket & { readonly _readableState: { errored: Error | null } };

function isOfWrite(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.syscall === 'write';
}

export class UpstreamSocket {
  /** Writes are for nobody. */
  deaf = false;
  error: NodeJS.ErrnoException | null = null;
  private readonly socket: Socket;
  private readonly owner: SocketOwner;
  private paused = false;
  /** Has had its share of the turn. */
  private sated = false;
  private taken = 0;
  private readonly nextTurn = (): void => this.continue();

  constructor(target: DialTarget, buffer: Buffer, alpn: readonly string[], owner: SocketOwner) {
    this.owner = owner;
    // The callbacks are made once per connection, none per request.
    const onread: OnReadOpts = { buffer, callback: (length) => this.read(length) };
    const socket = target.dial(onread, alpn);
    this.socket = socket;
    if (target.secure) socket.on('connect', () => this.tell(owner.serverAccepted));
    socket.on(target.ready, () => this.tell(owner.serverReady));
    socket.on('drain', () => this.tell(owner.serverWritable));
    socket.on('end', () => this.tell(owner.serverEnded));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error;
      this.tell(owner.serverFailed);
    });
    socket.on('close', () => this.tell(owner.serverEnded));
  }

  /** It is connected, and HTTP/1.1 is spoken on it. */
  begin(): void {
    readDirectly(this.socket, (length) => this.read(length));
    const { socket } = this;
    const { destroy } = socket;
    socket.destroy = (error) => {
      if (!isOfWrite(error) || socket.destroyed) return destroy.call(socket, error);
      // Else there would be no `end`.
      (socket as States)._readableState.errored = null;
      if (!this.deaf) {
        this.deaf = true;
        this.tell(this.owner.serverIsDeaf);
      }
      return socket;
    };
  }

  /** For whoever speaks another protocol on it. */
  get raw(): Socket {
    return this.socket;
  }

  get protocol(): string | false | null {
    return (this.socket as TLSSocket).alpnProtocol;
  }

  get connecting(): boolean {
    return this.socket.connecting;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  /** Bytes that wait to be written. */
  get backlog(): number {
    return this.deaf ? 0 : this.socket.writableLength;
  }

  writeHead(head: string, latin1: boolean): void {
    if (this.deaf) return;
    if (latin1) this.socket.write(head, 'latin1');
    else writeHead(this.socket, head);
  }

  /** False: write no more until `serverWritable`. */
  write(chunk: Uint8Array | string, encoding?: 'latin1' | 'utf8'): boolean {
    return this.deaf || this.socket.write(chunk, encoding);
  }

  /** With the framing of the chunked coding around it. */
  writeChunk(chunk: Uint8Array): boolean {
    if (this.deaf) return true;
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.socket.write(chunk);
    return this.socket.write('\r\n', 'latin1');
  }

  /** Sends FIN. */
  end(): void {
    if (!this.deaf) this.socket.end();
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (!this.sated) this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private tell(step: (this: SocketOwner) => void): void {
    const { owner } = this;
    try {
      owner.stepBegins();
      step.call(owner);
    } catch (error) {
      owner.crash(error);
    }
  }

  private read(length: number): boolean {
    this.taken += length;
    const { owner } = this;
    try {
      owner.stepBegins();
      if (!owner.serverSent(length)) return false;
    } catch (error) {
      owner.crash(error);
      return false;
    }
    if (this.taken < SHARE_BYTES) return true;
    this.taken = 0;
    if (this.paused || this.socket.destroyed) return true;
    this.sated = true;
    this.socket.pause();
    setImmediate(this.nextTurn);
    return true;
  }

  private continue(): void {
    this.sated = false;
    if (!this.paused && !this.socket.destroyed) this.socket.resume();
  }
}
