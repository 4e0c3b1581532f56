/** The response of a server that does not want the WebSocket, passed to the client as it is: status, fields and body. */
import type { IncomingMessage } from 'node:http';
import { contentLengthOf } from '../../http/fields.ts';
import { NO_LENGTH } from '../../http/response-head.ts';
import { type Downstream, NO_BODY, UNKNOWN_LENGTH } from '../downstream.ts';
import { responseHead } from './handshake.ts';

/** Whose handshake was refused. */
export interface RefusalUser {
  /** Once: all of it is with the client, or (false) the server ended it before its end. */
  refusalEnded(complete: boolean): void;
  /** An error of ours while it was passed on. */
  crash(error: unknown): void;
}

export class Refusal {
  readonly status: number;
  /** As a downstream takes it, a latin-1 character per byte; it may be changed before `start`. */
  head: string;
  /** Of the body; UNKNOWN_LENGTH. */
  readonly length: number;
  responseBytes = 0;
  /** The head went downstream. */
  begun = false;
  private readonly response: IncomingMessage;
  private readonly user: RefusalUser;
  private downstream!: Downstream;
  private close = false;
  private through = false;
  private settled = false;

  /** `cookie`: value of a Set-Cookie field of ours, '' for none. */
  constructor(response: IncomingMessage, cookie: string, user: RefusalUser) {
    this.response = response;
    this.user = user;
    this.status = response.statusCode!;
    this.head = responseHead(this.status, response.statusMessage ?? '', response.rawHeaders, cookie);
    const { 'content-length': length, 'transfer-encoding': coding } = response.headers;
    this.length = length === undefined || coding !== undefined ? UNKNOWN_LENGTH : contentLengthOf(length);
  }

  /** `close`: the client's connection is not used again. */
  start(downstream: Downstream, close: boolean): void {
    const { response } = this;
    this.downstream = downstream;
    this.close = close;
    response.on('data', (chunk: Buffer) => this.guard(() => this.body(chunk)));
    response.on('end', () => this.guard(() => this.end()));
    // `error` alone would be thrown; `close` without `end` is what tells of a broken response.
    response.on('error', () => {});
    response.on('close', () =>
      this.guard(() => {
        if (!this.through) this.settle(false);
      }),
    );
  }

  /** What is thrown in an event of the response would end the whole worker. */
  private guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.user.crash(error);
    }
  }

  /** The client takes more. */
  writable(): void {
    if (this.through) this.settle(true);
    else this.response.resume();
  }

  /** Ends the server's side; the user hears nothing more. */
  destroy(): void {
    this.settled = true;
    this.response.destroy();
  }

  private body(chunk: Buffer): void {
    if (this.settled) return;
    this.responseBytes += chunk.length;
    if (!this.begun) {
      this.begun = true;
      this.downstream.begin(Buffer.from(this.head, 'latin1'), this.length, this.close);
    }
    if (!this.downstream.write(chunk)) this.response.pause();
  }

  private end(): void {
    this.through = true;
    if (this.settled) return;
    if (!this.begun) {
      const none = this.status === 204 || this.status === 304;
      const announced = none && this.length >= 0 ? this.length : NO_LENGTH;
      this.downstream.respond(Buffer.from(this.head, 'latin1'), none ? NO_BODY : 0, null, announced, this.close);
      this.settle(true);
    } else if (this.downstream.end('')) {
      this.settle(true);
    }
  }

  private settle(complete: boolean): void {
    if (this.settled) return;
    this.settled = true;
    this.user.refusalEnded(complete);
  }
}
