/**
 * Whether the client of a connection does its part: brings its body, takes its answers, is there at all, and has us hold no
 * more than it may. One that does not is told so, or cut off.
 */
import { FAULTS } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import type { BufferHolder } from '../../memory-budget.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import type { WatchedClient } from './client-watch.ts';
import type { Http1Connection } from './http1-connection.ts';
import { HALF_CLOSED_MS } from './http1-limits.ts';
import type { EngineOwner } from './owner.ts';

export class Http1Care implements WatchedClient, BufferHolder {
  heldBytes = 0;
  private readonly owner: EngineOwner;
  private readonly connection: Http1Connection;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private readonly afterFin = new Progress(1);
  private readonly ahead = new Progress();

  constructor(owner: EngineOwner, connection: Http1Connection) {
    this.owner = owner;
    this.connection = connection;
    owner.watch.add(this);
  }

  /** The connection is closed. */
  end(): void {
    this.owner.watch.delete(this);
    if (this.heldBytes > 0) this.owner.worker.budget.release(this);
  }

  /** Counts what waits there. */
  noteWaiting(): void {
    const { budget } = this.owner.worker;
    const bytes = this.connection.waitingBytes;
    if (bytes > 0) budget.hold(this, bytes);
    else if (this.heldBytes > 0) budget.release(this);
  }

  endOverBudget(): void {
    this.connection.why = FAULTS.overBudget;
    this.cutOff('what waits for it is too much');
  }

  look(ms: number): void {
    this.connection.guard(() => this.lookAtAll(ms));
  }

  private lookAtAll(ms: number): void {
    const { tunnel, socket, body } = this.connection;
    const { uploadTimeoutMs, downloadTimeoutMs } = this.owner.worker.options;
    this.noteWaiting();
    if (socket.closed) return;
    if (tunnel !== null) {
      const reason = tunnel.look(ms, downloadTimeoutMs);
      if (reason !== '' && tunnel.isSlow) this.connection.why = FAULTS.clientSlow;
      this.cutOff(reason);
    } else if (this.upload.isOverdue(body.user?.isAwaited === true, body.brought, ms, uploadTimeoutMs)) {
      const told = body.user!.fail(FAULTS.requestTimeout, 'the client does not send its body');
      if (!told) socket.close();
    } else {
      this.cutOff(this.problem(ms, downloadTimeoutMs));
    }
  }

  /** '' for none. */
  private problem(ms: number, timeoutMs: number): string {
    const { socket, body, running, halfClosed, holds, answered } = this.connection;
    // Where nothing is read nobody hears of its end.
    const isUnread = halfClosed || holds || body.user?.isPaused === true;
    if (isUnread && socket.isPeerGone()) return 'it is gone';
    const isBusy = running.length > 0;
    const answers = answered * LEAST_BYTES;
    const taken = socket.taken + answers;
    if (this.afterFin.isOverdue(halfClosed && isBusy, taken, ms, HALF_CLOSED_MS)) {
      return 'it has closed its side and takes nothing';
    }
    if (this.download.isOverdue(socket.backlog > 0, taken, ms, timeoutMs)) {
      this.connection.why = FAULTS.clientSlow;
      return 'it does not take what it has asked for';
    }
    // What it has sent is in the way of its FIN: it may be gone.
    const goesAhead = this.ahead.isOverdue(holds && isBusy, answers, ms, timeoutMs);
    return goesAhead ? 'it asks on and on while nothing is answered' : '';
  }

  /** Does nothing for an empty reason. */
  private cutOff(reason: string): void {
    if (reason === '') return;
    const { socket, tunnel } = this.connection;
    log.debug('a client is cut off', { reason, client: socket.peerAddress() });
    if (tunnel === null) socket.close();
    else socket.reset();
  }
}
