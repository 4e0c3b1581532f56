/**
 * All workers: starts them, speaks to them, drains and stops them. Each must boot the first time, or the start fails with its
 * reason.
 */
import type { Server } from 'node:net';
import { timerSpan } from '../../kernel/durations.ts';
import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import type { BootTls, ToWorker } from '../../protocol/messages.ts';
import { checkAddress, withPort } from '../listening.ts';
import type { WorkerView } from '../view.ts';
import { FleetMember, type FleetState, type MemberOptions } from './fleet-member.ts';

export type FleetOptions = MemberOptions & {
  readonly count: number;
  readonly logLevel: string;
  readonly entryPoints: readonly EntryPoint[];
};

export class WorkerFleet {
  private readonly options: FleetOptions;
  private readonly state: FleetState;
  private readonly members: readonly FleetMember[];
  private readonly allEnded = Promise.withResolvers<void>();

  constructor(options: FleetOptions) {
    const { count, logLevel, entryPoints } = options;
    this.options = options;
    this.state = { logLevel, entryPoints, question: 0, stopping: false };
    const onGone = (): void => this.checkEnded();
    this.members = Array.from({ length: count }, (_, index) => new FleetMember(index, this.state, options, onGone));
  }

  /** Ports that are listened on, in the order of the entrypoints; before the start, 0 where any will do. */
  get ports(): readonly number[] {
    return this.state.entryPoints.map((entryPoint) => entryPoint.port);
  }

  /**
   * Resolves when all workers listen. `isSuccessor`: another tsuji listens there as well, for the moment.
   * @throws ListenError for an address that cannot be listened on
   * @throws TsujiError WORKER_BOOT_FAILED with the worker's own words
   */
  async start(isSuccessor: boolean): Promise<void> {
    const { state } = this;
    if (!isSuccessor) for (const entryPoint of state.entryPoints) await checkAddress(entryPoint);
    const held: Server[] = [];
    try {
      state.entryPoints = await Promise.all(state.entryPoints.map((entryPoint) => withPort(entryPoint, held)));
      if (state.stopping) return;
      await Promise.all(this.members.map((member) => member.boot()));
    } finally {
      this.options.threads.endEarly();
      for (const holder of held) holder.close();
    }
  }

  /** To every worker that is ready. */
  broadcast(message: ToWorker): void {
    for (const member of this.members) if (member.isReady) member.send(message);
  }

  /** To those that still boot as well: what has changed since their boot record was made waits for them. */
  broadcastSinceBoot(message: ToWorker): void {
    for (const member of this.members) member.send(message);
  }

  /** For those that serve and all that boot from now on; where they listen stays. */
  reload(logLevel: string, entryPoints: readonly EntryPoint[], clientCAs: BootTls['clientCAs']): void {
    const { state, ports } = this;
    state.logLevel = logLevel;
    state.entryPoints = entryPoints.map((entryPoint, index) => ({ ...entryPoint, port: ports[index] }));
    this.broadcastSinceBoot({ kind: 'reloaded', logLevel, entryPoints: state.entryPoints, clientCAs });
  }

  /** Of the first that serves, -1 when none does. */
  get serving(): number {
    return this.members.findIndex(({ state }) => state === 'serving');
  }

  send(index: number, message: ToWorker): void {
    this.members[index].send(message);
  }

  /** Every thread is asked for a sign of life; one that boots answers when it listens. */
  ask(): void {
    this.broadcastSinceBoot({ kind: 'ping', question: ++this.state.question });
  }

  /** Indexes of those whose thread has not answered the last question. */
  silent(): number[] {
    return this.members.filter(({ isSilent }) => isSilent).map(({ index }) => index);
  }

  /** Threads that there are. */
  get running(): number {
    return this.members.filter(({ hasThread }) => hasThread).length;
  }

  /** Nobody serves any more: no thread boots, and none has answered the last question. */
  get isStuck(): boolean {
    const running = this.members.filter(({ hasThread }) => hasThread);
    return running.length > 0 && running.every(({ isReady, isSilent }) => isReady && isSilent);
  }

  views(): WorkerView[] {
    return this.members.map((member) => member.view());
  }

  /** Every worker that serves, or boots with a table, routes by this generation or a newer one; 0 when there is none. */
  appliedGeneration(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { state, hasThread, generation } of this.members) {
      const boots = state === 'starting' && hasThread && generation > 0;
      if (state === 'serving' || boots) lowest = Math.min(lowest, generation);
    }
    return lowest === Number.POSITIVE_INFINITY ? 0 : lowest;
  }

  /**
   * Stops accepting, lets exchanges end for at most `graceMs`, then closes what is left, after a call of `beforeCut`.
   * Resolves when all have ended.
   */
  async drain(graceMs: number, beforeCut: () => void): Promise<void> {
    this.state.stopping = true;
    for (const member of this.members) member.beginDrain();
    const cut = (): void => {
      beforeCut();
      this.broadcast({ kind: 'stop' });
    };
    let force: NodeJS.Timeout | undefined;
    if (graceMs > 0) {
      this.broadcast({ kind: 'drain' });
      force = setTimeout(cut, timerSpan(graceMs));
    } else {
      cut();
    }
    this.options.onChange();
    this.checkEnded();
    await this.allEnded.promise;
    clearTimeout(force);
  }

  private checkEnded(): void {
    if (this.members.every(({ hasThread }) => !hasThread)) this.allEnded.resolve();
  }
}
