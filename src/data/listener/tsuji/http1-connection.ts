/**
 * One client's HTTP/1 connection. Requests of a client that does not wait for answers run together while all of them are
 * harmless (RFC 9112 §9.3.2: only then may they); otherwise one waits for those before it, and nothing is read meanwhile.
 *
 *     HEAD ──whole──▶ started ──no body──▶ HEAD
 *       ▲                └─▶ LENGTH, CHUNKS ──complete──▶ HEAD        a 101: TUNNEL
 *       └───────────────────────────────────────┘         a refusal, or the last request: HEAD, and `over`
 *
 * Nothing is served behind a request that was refused, whatever stands there (RFC 9112 §11.2): it is answered in its turn as
 * any other, by an exchange, so that it is counted and told of.
 */
import type { RequestHead } from '../../../http/request-head.ts';
import { NOT_HTTP, refuseHead } from '../../../http/request-parser.ts';
import { RequestReader } from '../../../http/request-reader.ts';
import { asksForTunnel } from '../../../http/upgrade.ts';
import { FAULTS, type Fault } from '../../../kernel/errors.ts';
import { TimerEntry } from '../../../kernel/timer-wheel.ts';
import { isRepeatable } from '../../balancing/retry.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { currentTurn } from '../event-turn.ts';
import { LINGER_MS } from '../linger.ts';
import { Http1Body } from './http1-body.ts';
import { Http1Care } from './http1-care.ts';
import { ENDING, type Http1Downstream, OPEN, WHOLE } from './http1-downstream.ts';
import { IDLE_DRAIN_MS, MAX_PIPELINED, REQUEST_COST, TURN_SHARE } from './http1-limits.ts';
import { type Http1Pairs, pairsOf } from './http1-pairs.ts';
import { Http1Tunnel } from './http1-tunnel.ts';
import type { ClientConnection, EngineOwner } from './owner.ts';

/** Bytes that are gathered before they go out within the turn, and that may wait before their writer does. */
const FLUSH_BYTES = 32_768;
const HIGH_WATER = 131_072;

function isHarmless(head: RequestHead): boolean {
  return isRepeatable(head.method) && !head.bodyFollows && !head.tunnel;
}

function startWaiting(connection: Http1Connection): void {
  connection.guard(connection.startWaiting);
}

export class Http1Connection extends TimerEntry implements ClientConnection {
  readonly socket: ByteSocket;
  tunnel: Http1Tunnel | null = null;
  private readonly owner: EngineOwner;
  private readonly pairs: Pick<Http1Pairs, 'take'>;
  /** Those that are not answered, in their order. */
  readonly running: Http1Downstream[] = [];
  /** All of those may be repeated and have no body. */
  private harmless = true;
  /** A request that may not start before those are answered. */
  private waiting: RequestHead | null = null;
  readonly body = new Http1Body();
  private readonly reader = new RequestReader();
  /** No request is served any more. */
  private over = false;
  /** The client has said that it will ask for nothing more. */
  private leaves = false;
  /** We have ended our side. */
  private lingers = false;
  /** The next request is not read yet. */
  holds = false;
  /** The client has sent its FIN: it has left, or waits for answers and will ask for nothing more. */
  halfClosed = false;
  /** Nothing has come yet. */
  private fresh = true;
  private turn = 0;
  private spent = 0;
  answered = 0;
  readonly care: Http1Care;
  /** Its requests end with it for this. */
  why: Fault = FAULTS.clientClosed;

  constructor(owner: EngineOwner, socket: ByteSocket, pairs: Pick<Http1Pairs, 'take'> = pairsOf(owner.worker)) {
    super();
    this.owner = owner;
    this.socket = socket;
    this.pairs = pairs;
    this.awaitHead();
    this.care = new Http1Care(owner, this);
    socket.begin(this);
  }

  private awaitHead(): void {
    const { wheel, options } = this.owner.worker;
    if (options.headerTimeoutMs > 0) wheel.arm(this, options.headerTimeoutMs);
    else wheel.hold(this);
  }

  socketRead(bytes: Buffer, start: number, end: number): number {
    const turn = currentTurn();
    if (turn !== this.turn) {
      this.turn = turn;
      this.spent = 0;
    }
    let at = start;
    while (at < end) {
      if (this.tunnel !== null) {
        this.spent++;
        this.tunnel.take(bytes.subarray(at, end));
        at = end;
      } else if (this.body.user !== null) {
        at = this.readBody(bytes, at, end);
      } else if (this.over) {
        return end;
      } else if (this.mayParse) {
        at = this.readHead(bytes, at, end);
      } else {
        this.holds = true;
        this.socket.pause();
        return at;
      }
      if (this.spent < TURN_SHARE) continue;
      this.socket.rest();
      return at;
    }
    return at;
  }

  /** The next request could start, or be seen to have to wait. */
  private get mayParse(): boolean {
    const { running, socket } = this;
    if (this.waiting !== null || socket.closed) return false;
    if (running.length === 0) return socket.backlog < HIGH_WATER;
    return this.harmless && running.length < MAX_PIPELINED;
  }

  private readHead(bytes: Buffer, start: number, end: number): number {
    const { reader, owner } = this;
    const wasWithin = reader.isWithin;
    const behind = reader.read(bytes, start, end, owner.head, owner.worker.options.maxFields);
    if (reader.whole) {
      this.requested(owner.head);
      return owner.head.problem === '' ? behind : end;
    }
    // A new connection has one time for its first head, whenever that begins.
    if (!wasWithin && reader.isWithin && !this.fresh) this.awaitHead();
    return behind;
  }

  /** A head is here, good or refused. */
  private requested(head: RequestHead): void {
    // Who speaks something else would not understand an answer, and one who means HTTP/2 would take it for a frame.
    if (this.fresh && head.problem === NOT_HTTP) {
      this.socket.close();
      return;
    }
    this.owner.worker.wheel.hold(this);
    this.fresh = false;
    this.spent += REQUEST_COST;
    // Not when something else is under way: then it is a request as any other.
    if (this.running.length === 0 && asksForTunnel(head)) head.tunnel = true;
    if (this.running.length === 0 || head.problem !== '' || isHarmless(head)) this.start(head);
    else this.waiting = head.detached();
  }

  refuse(problem: string, fault = FAULTS.badRequest): void {
    const { head } = this.owner;
    this.reader.drop();
    refuseHead(head, problem, fault);
    this.requested(head);
  }

  private start(head: RequestHead): void {
    const { running, owner } = this;
    this.harmless = isHarmless(head);
    const pair = this.pairs.take();
    pair.attach(this, head, running.length > 0);
    running.push(pair);
    // Behind an upgrade stands what the other protocol is to get, if the server agrees.
    this.leaves = head.problem === '' && !head.tunnel && (head.close || (head.old && !head.keepAlive));
    if (head.problem !== '' || this.leaves) this.over = true;
    if (pair.receiving) this.body.begin(pair, head);
    try {
      pair.events.begin(owner.index, head);
    } catch (error) {
      pair.events.crash(error);
      // It had not begun: then nobody else answers.
      this.breakOff();
    }
  }

  private readBody(bytes: Buffer, start: number, end: number): number {
    const { body } = this;
    this.spent++;
    const behind = body.read(bytes, start, end);
    if (body.problem !== '') {
      const { problem } = body;
      body.problem = '';
      this.bodyFails(problem);
    } else if (body.user === null && this.running.length === 0) {
      // Answered already: now the next one may come.
      this.rests();
    }
    return behind;
  }

  /** Where the next request begins is not known. */
  private bodyFails(problem: string): void {
    this.over = true;
    if (this.body.stop()?.fail(FAULTS.badRequest, problem) !== true) this.finish();
  }

  /** The head of an answer is about to be written. `asked`: the connection is to end behind it. True: it says so. */
  answers(downstream: Http1Downstream, asked: boolean): boolean {
    if (asked) {
      this.over = true;
      this.waiting = null;
    }
    return this.over && this.running[this.running.length - 1] === downstream;
  }

  /** Some of a body was written. False: what was written waits, so no more until `writable`. */
  wrote(): boolean {
    const { socket } = this;
    if (socket.out.length < FLUSH_BYTES) {
      socket.flushSoon();
      return true;
    }
    socket.flush();
    return socket.backlog < HIGH_WATER;
  }

  /** `downstream` has its whole answer. */
  responded(downstream: Http1Downstream): void {
    if (this.running[0] === downstream) this.goOn();
    else this.care.noteWaiting();
  }

  /** The same, in pieces, of which this was the last. True: all of it is out. */
  ended(downstream: Http1Downstream): boolean {
    const { socket } = this;
    socket.flush();
    if (socket.closed || socket.backlog > 0) return false;
    downstream.state = WHOLE;
    this.goOn();
    return true;
  }

  /** The first one may be answered, and others behind it. */
  private goOn(): void {
    const { running, socket } = this;
    while (running.length > 0) {
      const first = running[0];
      first.isNext(socket.out);
      if (first.state === OPEN) {
        first.writable();
        break;
      }
      if (first.state === ENDING) {
        socket.flush();
        if (socket.backlog > 0) break;
      }
      running.shift();
      this.answered++;
      first.answered();
    }
    if (socket.closed) return;
    if (socket.out.length >= FLUSH_BYTES) this.wrote();
    else socket.flushSoon();
    if (socket.backlog > HIGH_WATER) this.care.noteWaiting();
    if (running.length > 0) this.readOn();
    else if (this.waiting === null) this.rests();
    // Not within the end of the exchange before it, which still has its connection to a server.
    else setImmediate(startWaiting, this);
  }

  startWaiting(): void {
    const { waiting } = this;
    if (waiting === null || this.socket.closed) return;
    this.waiting = null;
    this.start(waiting);
    this.readOn();
  }

  /** What a step throws that no socket has called would end the whole worker; so it ends the connection. */
  guard(step: () => void): void {
    try {
      step.call(this);
    } catch (error) {
      this.socketCrashed(error);
      this.socket.close();
    }
  }

  /** Nothing runs. */
  private rests(): void {
    const { wheel, options } = this.owner.worker;
    if (this.over || (this.halfClosed && !this.holds)) {
      this.finish();
      return;
    }
    // What is left of a body has its own clock.
    if (this.body.user !== null) return;
    if (!this.reader.isWithin) {
      if (options.clientIdleMs > 0) wheel.arm(this, options.clientIdleMs);
      else wheel.hold(this);
    }
    this.readOn();
  }

  /** What stands next is read, if that was put off. */
  private readOn(): void {
    if (!this.holds || (this.body.user === null && !this.mayParse)) return;
    this.holds = false;
    this.socket.resume();
  }

  /** The server agrees to the upgrade of `downstream`. */
  switched(downstream: Http1Downstream): void {
    this.over = true;
    this.tunnel = new Http1Tunnel(this.socket, downstream.events, () => this.finish());
    if (this.holds) {
      this.holds = false;
      this.socket.resume();
    } else if (this.halfClosed) {
      this.tunnel.peerEnded();
    }
  }

  /** Ends our side, and reads past what still comes for a moment: a reset would take the last answer from the client. */
  private finish(): void {
    if (this.lingers || this.socket.closed) return;
    const { socket } = this;
    this.over = true;
    this.lingers = true;
    // All of its requests have come, so there is nothing that a reset could answer.
    if (this.body.user === null && this.leaves) socket.endAndClose();
    else socket.end();
    this.body.stop();
    socket.flush();
    if (socket.closed) return;
    socket.resume();
    if (socket.backlog === 0) this.owner.worker.wheel.arm(this, LINGER_MS);
    else this.owner.worker.wheel.hold(this);
  }

  breakOff(): void {
    this.over = true;
    this.socket.reset();
  }

  override expired(): void {
    if (this.lingers) this.socket.close();
    else if (this.reader.isWithin) this.refuse('the head did not come in time', FAULTS.requestTimeout);
    // Who has connected and said nothing has asked for nothing.
    else if (this.fresh) this.socket.close();
    else if (this.socket.backlog > 0) this.rests();
    else this.finish();
  }

  socketEnded(): void {
    // Nobody closes one direction of TLS alone: the client has left.
    if (this.socket.secure && this.tunnel === null) {
      this.socket.close();
      return;
    }
    this.halfClosed = true;
    if (this.tunnel !== null) this.tunnel.peerEnded();
    else if (this.body.user !== null) this.bodyFails('the client has ended its side within its body');
    else if (this.reader.isWithin) this.refuse('the client has ended its side within a head');
    else if (this.running.length === 0 && this.waiting === null) this.finish();
  }

  socketDrained(): void {
    if (this.care.heldBytes > 0) this.care.noteWaiting();
    if (this.lingers) {
      this.owner.worker.wheel.arm(this, LINGER_MS);
      return;
    }
    if (this.tunnel !== null) this.tunnel.drained();
    const first = this.running[0];
    if (first === undefined) this.readOn();
    else if (first.state === OPEN) first.writable();
    else this.goOn();
  }

  socketClosed(): void {
    const { owner, running } = this;
    this.over = true;
    this.waiting = null;
    this.reader.drop();
    this.body.stop();
    owner.worker.wheel.cancel(this);
    this.care.end();
    owner.left(this);
    for (const downstream of running.splice(0)) {
      try {
        downstream.closed(this.why);
      } catch (error) {
        // The others must be told all the same.
        downstream.crashed(error);
      }
    }
  }

  socketCrashed(error: unknown): void {
    for (const downstream of this.running.splice(0)) downstream.crashed(error);
  }

  /** Bytes that wait here: for the client, or for a server to take what the client has sent. */
  get waitingBytes(): number {
    if (this.socket.closed) return 0;
    let bytes = this.socket.heldBytes + this.reader.heldBytes;
    for (const downstream of this.running) bytes += downstream.heldBytes;
    return bytes;
  }

  get isBusy(): boolean {
    if (this.socket.closed) return false;
    return (this.running.length > 0 && !this.lingers) || this.reader.isWithin || this.socket.backlog > 0;
  }

  /** Rests between two requests. */
  private get isIdle(): boolean {
    if (this.over || this.fresh || this.reader.isWithin || this.body.user !== null) return false;
    return this.running.length === 0 && this.waiting === null;
  }

  /**
   * The worker drains: whoever asks for something goes with the answer. Whoever does not goes soon, but not at once, when a
   * request may be on its way already.
   */
  drain(): void {
    if (this.isIdle) this.owner.worker.wheel.arm(this, IDLE_DRAIN_MS);
  }

  close(): void {
    this.socket.close();
  }
}
