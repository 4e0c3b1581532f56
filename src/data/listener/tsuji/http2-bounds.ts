/**
 * What one HTTP/2 connection may cost us: frames that are of no use by themselves, streams that come to nothing, memory, and
 * time without progress. Frames are counted against useful work, so that a client that is served never comes near the end.
 */
import { CODE } from '../../../http2/codes.ts';
import { MAX_BLOCK } from '../../../http2/frame-reader.ts';
import { FAULTS } from '../../../kernel/errors.ts';
import { tellLimit } from '../../../kernel/limit-log.ts';
import { log } from '../../../kernel/log.ts';
import type { BootOptions } from '../../../protocol/messages.ts';
import { PROTECTIONS, type Protection } from '../../../shared/protections.ts';
import { FloodBudget, frameBudget, MAX_FRAMES, TINY_DATA, USEFUL_FRAME } from '../../flood-budget.ts';
import { Progress } from '../progress.ts';
import type { Http2Connection } from './http2-connection.ts';
import * as limits from './http2-limits.ts';

const KIB = 1_024;

/** Frames, streams, fields, bytes or milliseconds. */
function allowedOf(reason: Protection, options: BootOptions): number {
  switch (reason) {
    case 'control_frames':
      return MAX_FRAMES;
    case 'wasted_streams':
      return limits.WASTE_BURST;
    case 'header_block':
      return MAX_BLOCK;
    case 'fields':
      return options.maxFields;
    case 'streams':
      return limits.MAX_STREAMS;
    case 'heads':
      return limits.CONNECTION_HEADS;
    case 'unread_answers':
      return limits.MAX_UNSENT_CONTROL;
    case 'stalled_stream':
    case 'stalled_connection':
      return options.downloadTimeoutMs;
    case 'slow_head':
      return options.headerTimeoutMs;
    case 'settings_timeout':
      return limits.SETTINGS_ACK_MS;
  }
}

export class Http2Bounds {
  private readonly connection: Http2Connection;
  private readonly options: BootOptions;
  private readonly control = frameBudget();
  private readonly waste = new FloodBudget(limits.WASTE_BURST, limits.WASTE_PER_SECOND);
  /** Bits of the protections that the log was told of. */
  private told = 0;
  /** How long our SETTINGS have not been acknowledged, a head has been cut, and there has been no stream. */
  private unsettledMs = 0;
  private cutMs = 0;
  private idleMs = 0;
  /** Of the last look. */
  private blocksBefore = -1;
  /** Of all that goes out, frames without a stream too. */
  private readonly download = new Progress();

  constructor(connection: Http2Connection) {
    this.connection = connection;
    this.options = connection.worker.options;
  }

  /** Counts it, and tells the log once per connection. */
  protects(reason: Protection): void {
    const { connection } = this;
    connection.worker.metrics.protection(reason);
    const bit = 1 << PROTECTIONS.indexOf(reason);
    if ((this.told & bit) !== 0) return;
    this.told |= bit;
    const { worker, owner } = connection;
    const object = worker.entryPoints[owner.index].name;
    const value = allowedOf(reason, this.options);
    tellLimit({ limit: reason, object, value, what: 'clients' }, { client: connection.peer });
  }

  /** So many bytes have come. */
  received(bytes: number): void {
    this.control.gain(bytes / KIB);
  }

  /** A frame of ours with fields or data goes out. */
  useful(): void {
    this.control.gain(USEFUL_FRAME);
  }

  /** A frame that is of no use by itself. */
  controlled(cost = 1): void {
    if (this.control.spend(cost)) return;
    this.protects('control_frames');
    this.connection.fail(CODE.enhanceYourCalm, 'too many frames of no use');
  }

  /** DATA with so many bytes, that does not end its stream. */
  data(bytes: number): void {
    if (bytes < TINY_DATA) this.controlled();
  }

  /** A stream came to nothing, by its client's doing. */
  wasted(): void {
    if (this.waste.spend(1)) return;
    this.protects('wasted_streams');
    this.connection.fail(CODE.enhanceYourCalm, 'too many streams that come to nothing');
  }

  /** A response is out. */
  completed(): void {
    this.waste.gain(1);
  }

  /** The client has agreed on HTTP/2, and its preface does not come. */
  saidNothing(): void {
    this.protects('slow_head');
    this.connection.fail(CODE.noError, 'a preface that does not come');
  }

  /** `ms` have passed since the last look. */
  look(ms: number): void {
    const { connection } = this;
    this.lookAtConnection(ms);
    if (connection.isOver) return;
    this.lookAtStart(ms);
    if (connection.isOver) return;
    if (connection.streams.size > 0) {
      this.idleMs = 0;
      this.lookAtStreams(ms);
    } else {
      this.lookAtRest(ms);
    }
  }

  /** A client that reads nothing at all hears of no reset and no GOAWAY either. */
  private lookAtConnection(ms: number): void {
    const { connection, options } = this;
    const { socket } = connection;
    if (!this.download.isOverdue(socket.backlog > 0, socket.taken, ms, options.downloadTimeoutMs)) return;
    this.protects('stalled_connection');
    connection.why = FAULTS.clientSlow;
    log.debug('a connection is ended', { reason: 'its client takes nothing', client: connection.peer });
    connection.close();
  }

  private lookAtStart(ms: number): void {
    const { connection, options } = this;
    if (!connection.isSettled) {
      this.unsettledMs += ms;
      if (this.unsettledMs >= limits.SETTINGS_ACK_MS) {
        this.protects('settings_timeout');
        connection.fail(CODE.settingsTimeout, 'SETTINGS without an acknowledgement');
        return;
      }
    }
    const { blocks, isCut } = connection.frames;
    const isSame = isCut && blocks === this.blocksBefore;
    this.blocksBefore = isCut ? blocks : -1;
    this.cutMs = isSame ? this.cutMs + ms : 0;
    if (options.headerTimeoutMs === 0 || this.cutMs < options.headerTimeoutMs) return;
    this.protects('slow_head');
    connection.fail(CODE.noError, 'a head that does not come to its end');
  }

  private lookAtRest(ms: number): void {
    const { connection, options } = this;
    this.idleMs += ms;
    if (options.clientIdleMs > 0 && this.idleMs >= options.clientIdleMs) connection.goAway();
  }

  /** Whoever makes no progress is ended, and no other stream. */
  private lookAtStreams(ms: number): void {
    for (const stream of [...this.connection.streams.all]) {
      const reason = stream.overdue(ms, this.options);
      if (reason === '') continue;
      this.protects('stalled_stream');
      stream.giveUp(reason);
    }
  }
}
