/**
 * The request's side of an exchange on uWebSockets: the body as it comes, and what may follow on its connection. What uWS
 * calls is made once per downstream, so that a request costs no closure.
 *
 * Which bytes are the next request. uWS (20.57) decides that, and leaves two gaps through which a client, or whoever
 * stands behind a proxy in front of us, could slip a request past others. After an answer that ends the connection, it
 * still serves what stands in the same read: such an answer waits for the end of the read, where it is in the way of
 * the next request, for which uWS breaks the connection. And it reads chunk sizes carelessly (`;` and `g` are digits, a
 * bare LF ends a line, nothing looks at what stands between chunks): so nothing may follow a chunked request.
 */
import { FAULTS } from '../../kernel/errors.ts';
import type { DownstreamEvents } from '../downstream.ts';
import { TurnCount } from './event-turn.ts';
import type { UwsLinger } from './linger.ts';
import type { SlowClientWatch } from './slow-client.ts';
import { SMALL_BYTES, SmallPieces } from './small-pieces.ts';
import type { HttpResponse } from './uws.ts';

/**
 * uWS reads on, in one turn of the event loop, as long as its client sends as fast as it reads: pieces with less than so many
 * bytes, each a chunk of its own, may be as many in a turn as come in one read of 512 KiB. A chunk costs about 1 µs.
 */
const TINY_BYTES = 32;
const MAX_TINY_PIECES = 65_536;

export abstract class UwsRequest {
  /** Set once: the exchange of this pair. */
  events!: DownstreamEvents;
  protected abstract readonly watch: SlowClientWatch;
  protected response: HttpResponse | null = null;
  /** More of the request's body is to come. */
  protected receiving = false;
  /** The response is over, and the body read past. */
  protected linger: UwsLinger | null = null;
  /** It is the last of its connection: a chunked request, or one that was told to be. */
  protected last = false;
  /** And uWS knows: it ends the connection by itself, but does not tell the client. */
  protected uwsCloses = false;
  /** We are inside the handler that brought the request. */
  protected inHandler = false;
  private readonly tinyPieces = new TurnCount();
  protected readonly pieces = new SmallPieces(
    (merged) => this.events.downstreamBody(merged, false),
    (error) => this.events.crash(error),
  );
  // What it throws would end the whole worker.
  private readonly data = (chunk: ArrayBuffer, last: boolean): void => {
    try {
      const piece = new Uint8Array(chunk);
      this.watch.uploadMoved(piece.length, last);
      if (last) this.receiving = false;
      if (piece.length < TINY_BYTES && !last && this.tinyPieces.add() > MAX_TINY_PIECES) {
        if (this.linger === null)
          this.events.downstreamFailed(FAULTS.badRequest, 'too many tiny pieces of a body at once');
        // Nothing else ends the turn: not even an answer is waited for.
        this.linger?.expired();
        this.response?.close();
        return;
      }
      if (this.linger !== null) {
        if (last) this.linger.expired();
        return;
      }
      if (piece.length < SMALL_BYTES && !last) {
        this.pieces.add(piece);
      } else {
        this.pieces.flush();
        this.events.downstreamBody(piece, last);
      }
    } catch (error) {
      this.events.crash(error);
    }
  };

  protected requestBegins(response: HttpResponse): void {
    this.response = response;
    this.last = false;
    this.uwsCloses = false;
    this.receiving = false;
    this.linger = null;
    this.inHandler = true;
  }

  /** Nothing is to follow on this connection. `uwsCloses`: uWS has seen that for itself. */
  isLast(uwsCloses: boolean): void {
    this.last = true;
    this.uwsCloses = uwsCloses;
  }

  /** The request has a body. `timed`: it must make progress. */
  expectBody(chunked: boolean, timed: boolean): void {
    if (chunked) this.last = true;
    this.receiving = true;
    this.response!.onData(this.data);
    this.watch.uploadBegins(timed);
  }

  /** The handler that brought the request returns. */
  handled(): void {
    this.inHandler = false;
  }

  pauseBody(): void {
    if (this.response === null) return;
    this.response.pause();
    this.watch.uploadPaused();
  }

  resumeBody(): void {
    if (this.response === null) return;
    this.response.resume();
    this.watch.uploadResumed();
  }

  liveResponse(): HttpResponse | null {
    return this.response;
  }

  uploadOverdue(): void {
    this.events.downstreamFailed(FAULTS.requestTimeout, 'the body did not come');
  }
}
