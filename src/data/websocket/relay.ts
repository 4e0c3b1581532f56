/**
 * An open WebSocket: messages, pings and pongs both ways, each side's flow stopped while the other is slow, and the end
 * of one side made the end of the other.
 *
 * The client's pings go on to the server, and the listener answers them; so the server's answers end here. A pong that
 * a server sends without having been asked ends here as well: uWebSockets cannot send one.
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { BufferHolder, MemoryBudget } from '../memory-budget.ts';
import type { ClientSocket, ClientSocketEvents } from './client-socket.ts';
import { GOING_AWAY, isBroken, NO_REASON, relayedClose, TRY_AGAIN_LATER } from './close.ts';
import type { ServerSocket, ServerSocketEvents } from './server-socket.ts';

const TEXT = 0;
const BINARY = 1;
const PING = 2;
const PONG = 3;
/** What keeping a message costs besides its bytes. */
const HELD_COST = 200;

type Held = { readonly kind: number; readonly data: Buffer };

export class Relay implements ClientSocketEvents, ServerSocketEvents, BufferHolder {
  /** Bytes of messages, without framing. */
  requestBytes = 0;
  responseBytes = 0;
  /** Why it ended; null: both sides have closed it. */
  fault: Fault | null = null;
  /** Null from the end of its side on. */
  private client: ClientSocket | null = null;
  private server: ServerSocket | null;
  private clientPaused = false;
  /** What came from the client although it was paused. */
  private held: Held[] = [];
  private queuedBytes = 0;
  private serverPaused = false;
  /** Of both directions together. */
  heldBytes = 0;
  private readonly budget: MemoryBudget;
  private readonly ended: () => void;

  /** `ended` is called when both sides are closed; more than once after an error of ours. */
  constructor(server: ServerSocket, budget: MemoryBudget, ended: () => void) {
    this.server = server;
    this.budget = budget;
    this.ended = ended;
  }

  clientOpened(client: ClientSocket): void {
    this.client = client;
  }

  /** The client is open, or gone again already: from now on the server's events come. */
  start(): void {
    if (this.server !== null) this.server.events = this;
  }

  clientMessage(message: Uint8Array, binary: boolean): void {
    this.requestBytes += message.length;
    this.toServer(binary ? BINARY : TEXT, message);
  }

  clientPing(data: Uint8Array): void {
    this.toServer(PING, data);
  }

  clientPong(data: Uint8Array): void {
    this.toServer(PONG, data);
  }

  private toServer(kind: number, data: Uint8Array): void {
    if (this.server === null) return;
    const copy = Buffer.from(data);
    if (this.clientPaused) {
      // Sending takes longer than keeping, and the listener may have to read faster than the client sends to get to stop.
      this.held.push({ kind, data: copy });
      this.queuedBytes += copy.length + HELD_COST;
    } else if (this.sendOn(kind, copy)) {
      return;
    }
    if (this.holds()) this.pauseClient();
  }

  /** Counts what waits for either side. False: it was too much, and this has ended. */
  private holds(): boolean {
    const waits = this.queuedBytes + (this.server?.backlog ?? 0) + (this.client?.backlog ?? 0);
    return this.budget.hold(this, waits);
  }

  private released(): void {
    if (this.heldBytes > 0) this.holds();
  }

  /** The server first: what waits for the client may still go out, with the reason behind it. */
  endOverBudget(): void {
    const { server, client } = this;
    this.fault ??= FAULTS.overBudget;
    this.server = null;
    this.dropHeld();
    server?.destroy();
    if (client === null) this.ended();
    else if (client.backlog > 0) client.destroy();
    else client.close(TRY_AGAIN_LATER, NO_REASON);
  }

  private sendOn(kind: number, data: Buffer): boolean {
    const server = this.server!;
    if (kind === PING) return server.ping(data);
    if (kind === PONG) return server.pong(data);
    return server.send(data, kind === BINARY);
  }

  private pauseClient(): void {
    this.clientPaused = true;
    this.client?.pause();
  }

  serverWritable(): void {
    if (!this.clientPaused || this.server === null) return;
    let sent = 0;
    let more = true;
    while (more && sent < this.held.length) {
      const { kind, data } = this.held[sent++];
      this.queuedBytes -= data.length + HELD_COST;
      more = this.sendOn(kind, data);
    }
    this.held.splice(0, sent);
    this.released();
    if (!more) return;
    this.clientPaused = false;
    this.client?.resume();
  }

  /** The client is through: the server gets all that came from it. */
  private sendHeld(): void {
    if (this.server !== null) for (const { kind, data } of this.held) this.sendOn(kind, data);
    this.dropHeld();
  }

  private dropHeld(): void {
    this.held = [];
    this.queuedBytes = 0;
  }

  serverMessage(message: Uint8Array, binary: boolean): void {
    if (this.client === null) return;
    this.responseBytes += message.length;
    if (!this.client.send(message, binary)) this.pauseServer();
  }

  serverPing(data: Uint8Array): void {
    if (this.client !== null && !this.client.ping(data)) this.pauseServer();
  }

  private pauseServer(): void {
    if (!this.holds() || this.serverPaused) return;
    this.serverPaused = true;
    this.server?.pause();
  }

  clientWritable(): void {
    this.released();
    if (!this.serverPaused) return;
    this.serverPaused = false;
    this.server?.resume();
  }

  clientClosed(code: number, reason: Uint8Array, problem: string): void {
    if (problem !== '') this.fault ??= FAULTS.badRequest;
    else if (isBroken(code)) this.fault ??= this.client?.isTooSlow === true ? FAULTS.clientSlow : FAULTS.clientClosed;
    this.client = null;
    this.sendHeld();
    this.released();
    const close = relayedClose(code, reason, problem);
    if (this.server === null) this.ended();
    else if (close === null) this.server.abort();
    else this.server.close(close.code, close.reason);
  }

  serverClosed(code: number, reason: Uint8Array, problem: string): void {
    if (problem !== '') this.fault ??= FAULTS.badResponse;
    else if (isBroken(code)) this.fault ??= FAULTS.truncated;
    this.server = null;
    this.dropHeld();
    this.released();
    const close = relayedClose(code, reason, problem);
    if (this.client === null) this.ended();
    else if (close === null) this.client.abort();
    else this.client.close(close.code, close.reason);
  }

  bothSilent(): void {
    this.fault ??= FAULTS.bodyTimeout;
    this.goAway();
  }

  /** Tells both sides that we end. */
  shutDown(): void {
    this.fault ??= FAULTS.drainDeadline;
    this.goAway();
  }

  private goAway(): void {
    this.client?.close(GOING_AWAY, NO_REASON);
  }

  /** Ends both sides now; the client still gets what it was sent before. */
  destroy(): void {
    const { server, client } = this;
    this.fault ??= FAULTS.internal;
    this.server = null;
    server?.destroy();
    this.dropHeld();
    if (this.heldBytes > 0) this.budget.release(this);
    if (client?.isOpen) client.abort();
    else this.ended();
  }

  crash(error: unknown): void {
    tellOwnError('WebSocket', error);
    this.destroy();
  }
}
