/**
 * One client's HTTP/2 connection: its streams, and the bounds that keep one client from costing more than its share.
 * nghttp2 bounds invalid frames, CONTINUATION and unanswered acknowledgements itself (`limits.ts` says how many); what it
 * would answer or read past for ever is counted here, and so is time without progress, stream by stream: a PING is none.
 */
import type { X509Certificate } from 'node:crypto';
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { log } from '../../../kernel/log.ts';
import { TimerEntry, type TimerWheel } from '../../../kernel/timer-wheel.ts';
import { FloodBudget, FRAME_BYTES, frameBudget, TINY_DATA, USEFUL_FRAME } from '../../flood-budget.ts';
import type { BufferHolder } from '../../memory-budget.ts';
import { Progress } from '../progress.ts';
import type { Http2Downstream } from './http2-downstream.ts';
import * as limits from './limits.ts';
import type { NodeOwner } from './owner.ts';
import { breakOff, bytesUntaken, clientCertificates, peerAddress, plainBytesTaken } from './socket.ts';

/** How often a session is looked at, at most, and how many times at least before one of its times is up. */
const LOOK_MS = 5_000;
const LOOKS = 4;
/** Bytes of a PING's acknowledgement, and of one of SETTINGS. */
const PING_ACK = 17;
const SETTINGS_ACK = 9;

/** `times`: in milliseconds, 0 for ever. */
function lookMs(times: readonly number[]): number {
  return Math.min(LOOK_MS, ...times.filter((ms) => ms > 0).map((ms) => ms / LOOKS));
}

interface Http2Owner extends NodeOwner {
  /** One stream. Null: it failed, or was answered without an exchange. */
  serveHttp2(
    session: Http2Session,
    stream: ServerHttp2Stream,
    endOfStream: boolean,
    raw: readonly string[],
  ): Http2Downstream | null;
}

export class Http2Session extends TimerEntry implements BufferHolder {
  readonly secure: boolean;
  readonly peer: string;
  private readonly listener: Http2Owner;
  private readonly session: ServerHttp2Session;
  /** Under the session. */
  private readonly socket: Socket;
  private readonly wheel: TimerWheel;
  private readonly streams = new Set<Http2Downstream>();
  private readonly lookMs: number;
  /** Without a stream. */
  private idleMs = 0;
  private readonly frames = frameBudget();
  private readonly resets = new FloodBudget(limits.RESET_BURST, limits.RESETS_PER_SECOND);
  /** Of the heads of its streams, as RFC 9113 §6.5.2 counts. */
  private headBytes = 0;
  /** Of responses that wait for the client, and of bodies that wait for their servers. */
  private waitingBytes = 0;
  heldBytes = 0;
  /** Bytes that have come, and those of them that were of use or are counted already, up to the last look. */
  private cameBefore = 0;
  private useful = 0;
  /** Bytes that the client has taken up to the last look; and what is no body of those that went out since. */
  private takenBefore = 0;
  private overhead = 0;
  /** Of all that goes out, frames without a stream too. */
  private readonly download = new Progress();

  constructor(listener: Http2Owner, session: ServerHttp2Session, socket: Socket, secure: boolean) {
    super();
    this.listener = listener;
    this.session = session;
    this.socket = socket;
    this.secure = secure;
    this.peer = peerAddress(socket);
    const { options, wheel } = listener.worker;
    this.wheel = wheel;
    this.lookMs = lookMs([options.clientIdleMs, options.uploadTimeoutMs, options.downloadTimeoutMs]);
    session.on('ping', () => this.guard(() => this.controlled(PING_ACK)));
    session.on('remoteSettings', () => this.guard(() => this.controlled(SETTINGS_ACK)));
    session.on('stream', (stream, _headers, flags, raw) => {
      this.guard(() => this.requested(stream, flags, raw as never));
    });
    session.on('close', () => {
      wheel.cancel(this);
      if (this.heldBytes > 0) listener.worker.budget.release(this);
    });
    session.setLocalWindowSize(limits.SESSION_WINDOW);
    wheel.arm(this, this.lookMs);
  }

  clientCertificates(): readonly X509Certificate[] {
    // The session wraps its socket; one wrapper per session, so what was read is found again.
    return this.session.destroyed ? [] : clientCertificates(this.session.socket);
  }

  /** What a step throws would end the whole worker; so it ends the connection, and with it what runs there. */
  private guard(step: (this: Http2Session) => void): void {
    try {
      step.call(this);
    } catch (error) {
      log.error('a connection failed', {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      this.destroyWith(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  private requested(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    // Its client may have taken it back before we hear of it.
    if (stream.destroyed || stream.aborted) {
      stream.on('error', () => {});
      this.takenBack();
      return;
    }
    let bytes = 0;
    for (const text of raw) bytes += text.length + limits.FIELD_BYTES / 2;
    this.useful += bytes;
    this.frames.gain(USEFUL_FRAME);
    if (this.headBytes + bytes > limits.SESSION_HEADS) {
      stream.on('error', () => {});
      log.debug('a stream is refused', { reason: 'too long heads at the same time', client: this.peer });
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    const downstream = this.listener.serveHttp2(this, stream, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0, raw);
    if (downstream === null) return;
    downstream.headBytes = bytes;
    this.headBytes += bytes;
    this.streams.add(downstream);
    this.tellBudget();
  }

  left(downstream: Http2Downstream): void {
    if (!this.streams.delete(downstream)) return;
    this.headBytes -= downstream.headBytes;
    this.idleMs = 0;
    this.tellBudget();
  }

  /** So many bytes more of a response wait. */
  hold(bytes: number): void {
    if (bytes === 0) return;
    this.waitingBytes += bytes;
    this.tellBudget();
  }

  private tellBudget(): void {
    const { budget } = this.listener.worker;
    const bytes = this.headBytes + this.waitingBytes;
    if (bytes > 0 && !this.session.destroyed) budget.hold(this, bytes);
    else if (this.heldBytes > 0) budget.release(this);
  }

  endOverBudget(): void {
    this.destroyWith(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** A client has reset a stream that was not answered yet: cheap for it, dear for us and for a server (CVE-2023-44487). */
  takenBack(): void {
    if (!this.resets.spend(1)) this.end('streams that were reset');
  }

  /** A piece of a body has come. */
  received(bytes: number): void {
    this.useful += bytes + limits.FRAME_HEAD;
    if (bytes < TINY_DATA && !this.frames.spend(1)) this.end('DATA frames with next to nothing in them');
  }

  /** A frame of ours goes out, with so many bytes that are no body. */
  answered(bytes: number): void {
    this.frames.gain(USEFUL_FRAME);
    this.overhead += bytes;
  }

  /** A response is out. */
  completed(): void {
    this.resets.gain(1);
  }

  private controlled(ackBytes: number): void {
    this.overhead += ackBytes;
    this.useful += ackBytes;
    if (!this.frames.spend(1)) this.end('PING and SETTINGS frames');
  }

  private end(flood: string): void {
    if (this.session.destroyed) return;
    log.debug('a connection is ended', { reason: `too many ${flood}`, client: this.peer });
    this.destroyWith(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  private destroyWith(code: number): void {
    // Not as its second argument: without an error node takes the code from nowhere else.
    this.session.destroy(code as never);
  }

  override expired(): void {
    this.guard(this.look);
  }

  private look(): void {
    if (this.session.destroyed) {
      // It waits for a last write that its client does not take.
      breakOff(this.socket);
      return;
    }
    this.wheel.arm(this, this.lookMs);
    this.countUnseen();
    if (this.session.destroyed) return;
    if (this.streams.size > 0) this.lookAtStreams();
    else this.lookAtRest();
    this.lookAtConnection();
  }

  /** Frames that node:http2 keeps to itself, as WINDOW_UPDATE: there is no telling them apart, but they are bytes. */
  private countUnseen(): void {
    const came = this.socket.bytesRead;
    // A head that its table shortens counts for more than came.
    const unseen = Math.max(0, came - this.cameBefore - this.useful);
    this.cameBefore = came;
    this.useful = 0;
    if (!this.frames.spend(unseen / FRAME_BYTES)) this.end('frames of no use');
  }

  /** Without a stream it is told to go, and is gone by the next look: half a head would keep node from closing it. */
  private lookAtRest(): void {
    const { clientIdleMs } = this.listener.worker.options;
    this.idleMs += this.lookMs;
    if (this.session.closed) {
      if (bytesUntaken(this.socket) === 0) this.session.destroy();
    } else if (clientIdleMs > 0 && this.idleMs >= clientIdleMs) {
      this.session.close();
    }
  }

  /** A client that reads nothing at all hears of no reset and no GOAWAY either. */
  private lookAtConnection(): void {
    const waits = bytesUntaken(this.socket) > 0;
    const { downloadTimeoutMs } = this.listener.worker.options;
    if (!this.download.isOverdue(waits, plainBytesTaken(this.socket), this.lookMs, downloadTimeoutMs)) return;
    log.debug('a connection is ended', { reason: 'its client takes nothing', client: this.peer });
    this.session.destroy();
  }

  /** Whoever makes no progress is ended, and no other stream. */
  private lookAtStreams(): void {
    const taken = plainBytesTaken(this.socket);
    let passed = taken - this.takenBefore - this.overhead;
    this.takenBefore = taken;
    this.overhead = 0;
    let waiting = 0;
    for (const stream of this.streams) {
      stream.noteWaiting();
      passed -= stream.countTaken();
      if (stream.waits) waiting++;
    }
    // Of a piece that has gone out in part nobody tells how much: it is what is left when all else is counted.
    const share = waiting === 0 ? 0 : Math.max(0, passed) / waiting;
    for (const stream of [...this.streams]) {
      const reason = stream.overdue(this.lookMs, share, this.listener.worker.options);
      if (reason !== '') stream.giveUp(reason);
    }
  }

  get isBusy(): boolean {
    return this.streams.size > 0;
  }

  /** GOAWAY; what runs may end. */
  drain(): void {
    if (!this.session.closed) this.session.close();
  }

  destroy(): void {
    this.session.destroy();
  }
}
