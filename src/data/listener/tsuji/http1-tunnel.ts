/**
 * A client's connection after the 101 to its upgrade: bytes in both directions, a WebSocket's as well, until both sides have
 * ended. Each side may end before the other.
 */
import type { DownstreamEvents } from '../../downstream.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import { HALF_CLOSED_PROBE_MS } from './http1-limits.ts';

const NOTHING = new Uint8Array(0);

export class Http1Tunnel {
  private readonly socket: ByteSocket;
  private readonly events: DownstreamEvents;
  /** Our side is to end behind what waits; the exchange waits for that. */
  private ending = false;
  private readonly finish: () => void;
  private paused = false;
  private halfClosed = false;
  private resumes = 0;
  /** What comes through it is not taken by the client. */
  isSlow = false;
  private readonly download = new Progress();
  private readonly passing = new Progress();

  /** `finish`: ends our side, and reads past what still comes for a moment. */
  constructor(socket: ByteSocket, events: DownstreamEvents, finish: () => void) {
    this.socket = socket;
    this.events = events;
    this.finish = finish;
  }

  /** `bytes` are valid during the call. */
  take(bytes: Uint8Array): void {
    this.events.downstreamBody(bytes, false);
  }

  /** The client has ended its side. */
  peerEnded(): void {
    this.halfClosed = true;
    // It may be quiet for long, so that nothing but its client's system can tell whether anybody is there.
    this.socket.keepAlive(HALF_CLOSED_PROBE_MS);
    this.events.downstreamBody(NOTHING, true);
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.paused = false;
    this.resumes++;
    this.socket.resume();
  }

  /** The server has ended its side. False: something still waits for the client. */
  end(): boolean {
    this.ending = true;
    this.socket.end();
    this.socket.flush();
    return this.socket.backlog === 0;
  }

  /** All of what was written is out. */
  drained(): void {
    if (this.ending) this.events.downstreamWritable();
  }

  /** The exchange ends when the server has: what the client still sends is for nobody. */
  release(): void {
    if (this.paused) this.resume();
    this.finish();
  }

  /** Why it is to be cut off, '' for no reason. `ms`: since the last look. */
  look(ms: number, downloadTimeoutMs: number): string {
    const { socket, paused } = this;
    const waits = socket.backlog > 0;
    if (this.download.isOverdue(waits, socket.taken, ms, downloadTimeoutMs)) {
      this.isSlow = true;
      return 'the client does not take what comes through its tunnel';
    }
    if (this.passing.isOverdue(paused, this.resumes * LEAST_BYTES, ms, downloadTimeoutMs)) {
      return 'the server does not take what comes through its tunnel';
    }
    return (paused || this.halfClosed) && socket.isPeerGone() ? 'it is gone' : '';
  }
}
