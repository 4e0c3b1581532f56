/**
 * When what happened in one exchange (shared/spec logs §2.1): marks of the monotonic clock, and the durations between them.
 * One per exchange, used again with it; numbers alone, so that taking one costs a look at the clock and nothing else.
 *
 *     begin ─▶ admitted ─▶ tryBegins ─▶ connected ─▶ headCame ─▶ ended
 *       r0        r1    ▲      q     │       c     │      h          z
 *                       └── e ◀──────┴── failed ◀──┘
 *
 * Steps that follow each other within one turn of the event loop share a mark, so that a plain request costs three looks.
 * Milliseconds of performance.now() everywhere; -1 for what was not reached.
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import type { Fault } from '../../kernel/errors.ts';
import type { ServerView } from '../../table/views.ts';

/** How long the difference of the two clocks holds: a second look at a clock costs each request 0.1 us. */
const WALL_MS = 1_000;
let wallOffset = 0;
let wallUntil = -1;

const NONE: readonly FailedTry[] = Object.freeze([]);

/** A try that came to nothing, or whose answer was for nobody. */
export type FailedTry = {
  readonly server: ServerView;
  /** null: it was answered, with `status`, and another one was made all the same. */
  readonly fault: Fault | null;
  readonly status: number;
  /** q, c, h and e. */
  readonly began: number;
  readonly connected: number;
  readonly headCame: number;
  readonly failed: number;
  readonly isReused: boolean;
};

export class Marks {
  /** r0: all of the head was here; and the same by the clock on the wall, milliseconds since 1970. */
  begun = 0;
  wall = 0;
  /** z */
  ended = 0;
  /** q, c and h of the last try. */
  tryBegan = -1;
  connected = -1;
  headCame = -1;
  /** The last try goes over a connection that had served before. */
  isReused = false;
  /** Those before the last one, and the last one where it has failed: in order. */
  failed: readonly FailedTry[] = NONE;
  /** r1 − r0 */
  guard = -1;
  /** Of all tries: waiting for one, connecting, sent and not answered. */
  queue = -1;
  connect = -1;
  lost = -1;
  /** What was marked last. */
  private last = 0;
  /** Time may have passed since. */
  private isLate = false;

  begin(): void {
    const now = performance.now();
    if (now > wallUntil) {
      wallUntil = now + WALL_MS;
      wallOffset = Date.now() - now;
    }
    this.begun = now;
    this.wall = now + wallOffset;
    this.ended = -1;
    this.tryBegan = -1;
    this.connected = -1;
    this.headCame = -1;
    this.isReused = false;
    if (this.failed.length > 0) this.failed = NONE;
    this.guard = -1;
    this.queue = -1;
    this.connect = -1;
    this.lost = -1;
    this.last = now;
    this.isLate = false;
  }

  /** Something is waited for, or has worked: the next mark looks at the clock. */
  waits(): void {
    this.isLate = true;
  }

  private look(): number {
    if (this.isLate) return performance.now();
    return this.last;
  }

  /** What it passes is behind it, or one of those has answered; only the first time counts. */
  admitted(): void {
    if (this.guard >= 0) return;
    const now = this.look();
    this.guard = now - this.begun;
    this.last = now;
    this.isLate = false;
  }

  /** There is a connection for the next try, or it begins to dial. */
  tryBegins(isReused: boolean): void {
    if (this.headCame >= 0) this.loseAnswer();
    const now = this.look();
    this.queue = Math.max(this.queue, 0) + now - this.last;
    this.tryBegan = now;
    this.connected = isReused ? now : -1;
    this.headCame = -1;
    this.isReused = isReused;
    if (this.connect < 0 && isReused) this.connect = 0;
    this.last = now;
    this.isLate = true;
  }

  /** What the try before was answered with is for nobody. */
  private loseAnswer(): void {
    const { connected, failed } = this.failed.at(-1)!;
    this.lost = Math.max(this.lost, 0) + failed - connected;
    this.last = failed;
  }

  /** The connection that was dialed can be written to. */
  isConnected(): void {
    const now = performance.now();
    this.connect = Math.max(this.connect, 0) + now - this.tryBegan;
    this.connected = now;
    this.last = now;
  }

  /** The head of its response is complete. */
  answered(): void {
    this.headCame = performance.now();
    this.last = this.headCame;
  }

  /** The try has come to nothing: as FailedTry says. One that was answered keeps its times, unless another one follows. */
  tryFailed(server: ServerView, fault: Fault | null, status: number): void {
    if (this.tryBegan < 0) return;
    const now = performance.now();
    const { tryBegan, connected, headCame, isReused } = this;
    if (connected < 0) this.connect = Math.max(this.connect, 0) + now - tryBegan;
    else if (headCame < 0) this.lost = Math.max(this.lost, 0) + now - connected;
    const one = { server, fault, status, began: tryBegan, connected, headCame, failed: now, isReused };
    this.failed = [...this.failed, one];
    this.tryBegan = -1;
    if (headCame < 0) this.last = now;
    this.isLate = false;
  }

  /** It is over. */
  end(): void {
    this.ended = performance.now();
  }

  /** Up to now. */
  sinceBegun(): number {
    return performance.now() - this.begun;
  }

  /** z − r0 */
  get total(): number {
    return this.ended - this.begun;
  }

  /** h − c of the last try. */
  get firstByte(): number {
    return this.headCame < 0 ? -1 : this.headCame - this.connected;
  }

  /** What is left of the whole: z − h, or from the last mark of a response that did not come. */
  get data(): number {
    return this.ended - this.last;
  }
}
