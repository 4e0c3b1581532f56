/**
 * The body of a request on its way from its client to the server. Before there is a connection it is queued, or read to its
 * end first (a spool keeps it); then it goes on as it comes. Where the server does not take it, the client is stopped, as far
 * as its engine can do that, and what waits counts for the memory of the worker. One per exchange, used again with it.
 *
 *     client ──▶ queue ─────────▶ server
 *       ▲ └────▶ spool ──(play)──▶  │
 *       └─ pause, resume ◀──────────┘
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import type { BufferHolder } from '../memory-budget.ts';
import { Spool, type SpoolUser } from '../spool/spool.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ExchangeTimer } from './exchange-timer.ts';
import type { OutgoingRequest } from './outgoing-request.ts';
import { ANSWERED, CONNECTING, HOLDING, SENT } from './phase.ts';

/** Of a request's body, bytes that are read while it waits for anything but a connection. */
const READ_WHILE_WAITING = 65_536;

/** The exchange whose request it is. */
export interface FlowingExchange {
  /** One of phase.ts. */
  readonly phase: number;
  readonly running: boolean;
  readonly client: Downstream;
  /** null where there is none to write to. */
  readonly connection: Upstream | null;
  readonly timer: ExchangeTimer | null;
  /** A body that is read to its end first is here. */
  takePlace(): void;
  /** The request has gone out to its end. */
  sentWhole(): void;
  breakOff(fault: Fault, detail: string): void;
  crash(error: unknown): void;
}

export class RequestFlow implements SpoolUser, BufferHolder {
  /** Of the body, for a server that is slow or not yet there. */
  heldBytes = 0;
  /** The client was told to stop. */
  isPaused = false;
  private readonly worker: WorkerContext;
  private readonly exchange: FlowingExchange;
  private readonly request: OutgoingRequest;

  constructor(worker: WorkerContext, exchange: FlowingExchange, request: OutgoingRequest) {
    this.worker = worker;
    this.exchange = exchange;
    this.request = request;
  }

  /** Reads the body to its end first, `memoryBytes` of it into memory. */
  hold(memoryBytes: number): void {
    const { request } = this;
    const spool = new Spool(this.worker, this, memoryBytes);
    request.hold(spool);
    // What is here of it may have been too much.
    if (!this.isHolding) return;
    if (request.complete) {
      spool.end();
      return;
    }
    this.goOn();
    this.resume();
  }

  private get isHolding(): boolean {
    return this.exchange.running && this.exchange.phase === HOLDING;
  }

  /** A piece has come, before or after there is somebody to write it to. It must stay unchanged. */
  add(chunk: Buffer): void {
    const { exchange, request } = this;
    if (exchange.phase === HOLDING) {
      const flows = request.keepPiece(chunk);
      if (!flows && this.isHolding && !request.complete) this.pause();
    } else if (exchange.phase <= CONNECTING) {
      request.queue(chunk);
      this.waits();
    } else {
      request.sending(chunk);
      if (chunk.length > 0 && !exchange.connection!.write(chunk)) this.waits();
      // What the write failed with may have ended the try.
      if (!request.complete) return;
      exchange.connection?.endBody(request.trailers);
      exchange.sentWhole();
    }
  }

  /** Sends the request over a connection, with what is here of its body. */
  send(connection: Upstream, head: string): void {
    const { request } = this;
    if (request.send(connection, head)) this.flows();
    else this.waits();
    if (request.handedOver) this.exchange.sentWhole();
  }

  /** Some of the body waits for the server: the client is stopped. */
  private waits(): void {
    const { exchange, request } = this;
    // None when the write that failed has ended the try, and maybe all of it.
    const bytes = exchange.phase <= CONNECTING ? request.queuedBytes : (exchange.connection?.backlog ?? 0);
    if (bytes > 0 && !this.worker.budget.hold(this, bytes)) return;
    if (this.isPaused || request.complete || !exchange.running) return;
    // Who is not read from is not seen to leave, and here it may have to wait for long.
    if (exchange.phase < CONNECTING && bytes < READ_WHILE_WAITING) return;
    this.pause();
  }

  private flows(): void {
    // What is held for further tries stays.
    if (this.heldBytes > 0 && !this.request.isHeld) this.worker.budget.release(this);
    this.resume();
  }

  /** The server takes more. */
  serverWritable(): void {
    this.flows();
    this.request.resume();
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.exchange.client.pauseBody();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.exchange.timer?.progressed();
    this.exchange.client.resumeBody();
  }

  /** Asks the client for its body, if it waits for that. */
  goOn(): void {
    if (!this.request.expectsContinue) return;
    this.request.expectsContinue = false;
    this.exchange.client.inform('100 Continue');
  }

  /** Nothing waits any more. */
  end(): void {
    if (this.heldBytes > 0) this.worker.budget.release(this);
  }

  endOverBudget(): void {
    this.exchange.breakOff(FAULTS.overBudget, '');
  }

  spoolWritable(): void {
    if (this.isHolding) this.resume();
  }

  spoolWhole(): void {
    this.request.isWhole();
    this.exchange.takePlace();
  }

  spoolPiece(chunk: Buffer): boolean {
    const { phase, connection } = this.exchange;
    // A try that has ended takes no more; the next one begins anew.
    return phase >= SENT && connection !== null && connection.write(chunk);
  }

  spoolThrough(): void {
    const { exchange } = this;
    if (exchange.phase < SENT || exchange.connection === null) return;
    exchange.connection.endBody('');
    exchange.sentWhole();
    if (exchange.phase >= ANSWERED) this.request.holdNoMore();
  }

  spoolFailed(fault: Fault, detail: string): void {
    this.exchange.breakOff(fault, detail);
  }

  crash(error: unknown): void {
    this.exchange.crash(error);
  }
}
