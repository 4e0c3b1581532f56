/**
 * Starts the workers, replaces those that end by themselves, drains and stops them. A worker that fails while it boots
 * is tried again ever more slowly; the first of all must boot, or the start fails with its reason.
 */

import { type AddressInfo, createServer, type Server } from 'node:net';
import type { EventLoopUtilization } from 'node:perf_hooks';
import { MessageChannel, type MessagePort, type ResourceLimits, type Worker } from 'node:worker_threads';
import { timerSpan } from '../../kernel/durations.ts';
import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { ListenError, type ListenFailure, reasonOf, TsujiError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log, relay } from '../../kernel/log.ts';
import type { CountBuffers } from '../../kernel/metrics-options.ts';
import type {
  Boot,
  BootOptions,
  BootTls,
  FromWorker,
  KeySet,
  ServerFailed,
  ToWorker,
} from '../../protocol/messages.ts';
import type { AccessLogControl } from '../access-log/access-log.ts';
import { attempt, guarded } from '../guarded.ts';
import { addressText, listenReason, tellListenFailure, tryListening } from '../listening.ts';
import type { LiveTails } from '../tail/live-tails.ts';
import type { WorkerView } from '../view.ts';
import { hearOut } from './hear-out.ts';
import type { SharedBuffers } from './shared-memory.ts';
import type { WorkerThreads } from './worker-threads.ts';

/** Wait before a failed worker is replaced: at once the first time, then doubling. */
const FIRST_RESTART_MS = 50;
const MAX_RESTART_MS = 10_000;
/** A worker that served so long has proved itself: its next failure is a first one again. */
const PROVED_MS = 30_000;

export type FleetOptions = {
  readonly count: number;
  readonly threads: WorkerThreads;
  readonly logLevel: string;
  /** Of each worker. */
  readonly heap: ResourceLimits;
  readonly entryPoints: readonly EntryPoint[];
  readonly options: BootOptions;
  /** As they are when a worker boots. */
  readonly tls: () => BootTls;
  /** As they are when a worker boots. */
  readonly keySets: () => readonly KeySet[];
  readonly shared: SharedBuffers;
  /** null: there is none. */
  readonly accessLog: AccessLogControl | null;
  /** One lane per worker. */
  readonly lanes: readonly SharedArrayBuffer[];
  /** Of spans, one per worker; empty without tracing. */
  readonly spans: readonly SharedArrayBuffer[];
  readonly tails: Pick<LiveTails, 'buffers' | 'tails'>;
  readonly counts: readonly CountBuffers[];
  /** Exchanges that are open in it. */
  readonly openOf: (index: number) => number;
  /** A worker boots or is ready and has a table of `generation`, 0 for none: what is newer is sent, its generation returned. */
  readonly onWelcome: (index: number, generation: number) => number;
  readonly onApplied: (index: number, generation: number) => void;
  /** A worker wants to know whether a password is right. */
  readonly onPassword: (index: number, message: FromWorker & { readonly kind: 'checkPassword' }) => void;
  /** A worker wants a key set to be fetched again. */
  readonly onKeySet: (index: number, url: string) => void;
  /** The ring of a worker has spans to be sent. */
  readonly onSpans: () => void;
  readonly onServer: (message: FromWorker & { readonly kind: 'server' }) => void;
  readonly onServerFailed: (message: ServerFailed) => void;
  /** Of a question that was sent to it. */
  readonly onExplained: (message: FromWorker & { readonly kind: 'explained' }) => void;
  /** A worker has ended; it is replaced later, if at all. */
  readonly onEnded: (index: number) => void;
  /** The state of a worker has changed. */
  readonly onChange: () => void;
};

type Member = {
  readonly index: number;
  thread: Worker | null;
  port: MessagePort | null;
  state: WorkerView['state'];
  generation: number;
  restarts: number;
  failures: number;
  /** Exchanges that its thread had when it failed. */
  lost: number;
  /** Since start. */
  lostExchanges: number;
  readyAt: number;
  /** The last question (`ask`) that its thread has answered. */
  answered: number;
  restart: NodeJS.Timeout | null;
};

/** Once for all workers, before they share it. @throws ListenError */
async function checkAddress({ name: entrypoint, host, port }: EntryPoint): Promise<void> {
  const error = await tryListening({ host, port }, false);
  if (error === null) return;
  const failure = { entrypoint, address: addressText({ host, port }), reason: listenReason(error, { host, port }) };
  throw new ListenError('LISTEN_FAILED', failure);
}

/**
 * uWebSockets shares a port between workers only when it is told which: 'any' is settled here (`:0`, for tests). What is
 * put into `held` keeps it ours until the workers have it.
 */
async function withPort(entryPoint: EntryPoint, held: Server[]): Promise<EntryPoint> {
  if (entryPoint.port !== 0) return entryPoint;
  const holder = createServer((socket) => socket.destroy());
  held.push(holder);
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.listen({ port: 0, reusePort: true, ...(entryPoint.host === '' ? {} : { host: entryPoint.host }) }, resolve);
  });
  return { ...entryPoint, port: (holder.address() as AddressInfo).port };
}

export class WorkerFleet {
  private readonly options: FleetOptions;
  private readonly members: Member[] = [];
  private entryPoints: readonly EntryPoint[];
  private logLevel: string;
  private question = 0;
  private stopping = false;
  private readonly allEnded = Promise.withResolvers<void>();

  constructor(options: FleetOptions) {
    this.options = options;
    this.entryPoints = options.entryPoints;
    this.logLevel = options.logLevel;
    for (let index = 0; index < options.count; index++) {
      this.members.push({
        index,
        thread: null,
        port: null,
        state: 'starting',
        generation: 0,
        restarts: 0,
        failures: 0,
        lost: 0,
        lostExchanges: 0,
        readyAt: 0,
        answered: 0,
        restart: null,
      });
    }
  }

  /** Ports that are listened on, in the order of the entrypoints; before the start, 0 where any will do. */
  get ports(): readonly number[] {
    return this.entryPoints.map((entryPoint) => entryPoint.port);
  }

  /**
   * Resolves when all workers listen. `isSuccessor`: another tsuji listens there as well, for the moment.
   * @throws ListenError for an address that cannot be listened on
   * @throws TsujiError WORKER_BOOT_FAILED with the worker's own words
   */
  async start(isSuccessor: boolean): Promise<void> {
    if (!isSuccessor) for (const entryPoint of this.entryPoints) await checkAddress(entryPoint);
    const held: Server[] = [];
    try {
      this.entryPoints = await Promise.all(this.entryPoints.map((entryPoint) => withPort(entryPoint, held)));
      if (this.stopping) return;
      await Promise.all(this.members.map((member) => this.boot(member)));
    } finally {
      this.options.threads.endEarly();
      for (const holder of held) holder.close();
    }
  }

  /** To every worker that is ready. */
  broadcast(message: ToWorker): void {
    for (const member of this.members) if (member.readyAt > 0) member.port?.postMessage(message);
  }

  /** To those that still boot as well: what has changed since their boot record was made waits for them. */
  broadcastSinceBoot(message: ToWorker): void {
    for (const member of this.members) member.port?.postMessage(message);
  }

  /** For those that serve and all that boot from now on; where they listen stays. */
  reload(logLevel: string, entryPoints: readonly EntryPoint[], clientCAs: BootTls['clientCAs']): void {
    this.logLevel = logLevel;
    this.entryPoints = entryPoints.map((entryPoint, index) => ({ ...entryPoint, port: this.entryPoints[index].port }));
    this.broadcastSinceBoot({ kind: 'reloaded', logLevel, entryPoints: this.entryPoints, clientCAs });
  }

  /** Of the first that serves, -1 when none does. */
  get serving(): number {
    return this.members.findIndex(({ state }) => state === 'serving');
  }

  send(index: number, message: ToWorker): void {
    this.members[index].port?.postMessage(message);
  }

  /** Every thread is asked for a sign of life; one that boots answers when it listens. */
  ask(): void {
    this.broadcastSinceBoot({ kind: 'ping', question: ++this.question });
  }

  /** Indexes of those whose thread has not answered the last question. */
  silent(): number[] {
    const silent = this.members.filter(({ thread, answered }) => thread !== null && answered !== this.question);
    return silent.map(({ index }) => index);
  }

  /** Threads that there are. */
  get running(): number {
    return this.members.filter(({ thread }) => thread !== null).length;
  }

  /** Nobody serves any more: no thread boots, and none has answered the last question. */
  get isStuck(): boolean {
    const running = this.members.filter(({ thread }) => thread !== null);
    return running.length > 0 && running.every(({ readyAt, answered }) => readyAt > 0 && answered !== this.question);
  }

  views(): WorkerView[] {
    return this.members.map((member) => {
      const { index, state, generation, restarts, lostExchanges } = member;
      const loop = (): EventLoopUtilization | null => member.thread?.performance.eventLoopUtilization() ?? null;
      return { index, state, generation, restarts, lostExchanges, loop };
    });
  }

  /** Every worker that serves, or boots with a table, routes by this generation or a newer one; 0 when there is none. */
  appliedGeneration(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const member of this.members) {
      const boots = member.state === 'starting' && member.thread !== null && member.generation > 0;
      if (member.state === 'serving' || boots) lowest = Math.min(lowest, member.generation);
    }
    return lowest === Number.POSITIVE_INFINITY ? 0 : lowest;
  }

  /**
   * Stops accepting, lets exchanges end for at most `graceMs`, then closes what is left, after a call of `beforeCut`.
   * Resolves when all have ended.
   */
  async drain(graceMs: number, beforeCut: () => void): Promise<void> {
    this.stopping = true;
    for (const member of this.members) {
      if (member.restart !== null) clearTimeout(member.restart);
      member.restart = null;
      if (member.thread === null) member.state = 'ended';
      else if (member.readyAt === 0) member.port?.postMessage({ kind: 'stop' } satisfies ToWorker);
      else member.state = 'draining';
    }
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
    if (this.members.every((member) => member.thread === null)) this.allEnded.resolve();
  }

  private boot(member: Member): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const logQueue = new SharedArrayBuffer(4);
    const waiting = new Int32Array(logQueue);
    member.lost = 0;
    const data: Boot = {
      index: member.index,
      logLevel: this.logLevel,
      entryPoints: this.entryPoints,
      options: this.options.options,
      tls: this.options.tls(),
      keySets: this.options.keySets(),
      ...this.options.shared,
      metrics: this.options.lanes[member.index],
      accessLog: this.options.accessLog?.bootOf(member.index) ?? null,
      spans: this.options.spans.at(member.index) ?? null,
      tail: this.options.tails.buffers[member.index],
      tails: this.options.tails.tails(),
      counts: this.options.counts[member.index],
      logQueue,
      port: port2,
    };
    const thread = this.options.threads.take(member.index, this.options.heap);
    thread.postMessage(data, [port2]);
    member.thread = thread;
    member.port = port1;
    member.state = 'starting';
    member.readyAt = 0;
    // It was not there to be asked.
    member.answered = this.question;
    // It waits in the channel: the worker takes it before it listens.
    member.generation = this.options.onWelcome(member.index, 0);
    return new Promise((resolve, reject) => {
      let failure = '';
      let listen: ListenFailure | null = null;
      const heard = (message: FromWorker): void => {
        if (message.kind === 'log') {
          Atomics.sub(waiting, 0, 1);
          relay(message.record);
          return;
        }
        if (message.kind === 'failed') {
          failure = message.message;
          listen = message.listen;
          member.lost = message.open;
          // At the first boot the start itself fails, once for all workers, and gives the reason.
          const first = message.during === 'boot' && member.restarts === 0;
          if (!first && listen === null) this.tellFailure(member, message.during, failure, message.stack);
          if (!first && listen !== null) tellListenFailure(listen);
        }
        this.received(member, message);
        if (message.kind === 'ready') resolve();
      };
      // What a worker cannot report itself: its file does not load, or it runs out of memory.
      thread.on('error', (error) => {
        failure = error.message;
        member.lost = this.options.openOf(member.index);
        // At the first boot the start itself fails with these words.
        const isFirst = member.readyAt === 0 && member.restarts === 0;
        if (!isFirst) this.tellFailure(member, member.readyAt > 0 ? 'serving' : 'boot', failure, '');
      });
      hearOut(thread, port1, guarded('message of a worker', heard), () => {
        this.ended(member, failure);
        // Told to stop before it was ready, it has done what it should.
        if (this.stopping) resolve();
        else if (listen !== null) reject(new ListenError('LISTEN_FAILED', listen));
        else reject(new TsujiError('WORKER_BOOT_FAILED', failure === '' ? 'a worker ended while it booted' : failure));
      });
    });
  }

  private bootAgain(member: Member): void {
    try {
      this.boot(member).catch(() => {});
    } catch (error) {
      // Not even a thread could be made: it is tried again, ever more slowly.
      this.ended(member, reasonOf(error));
    }
  }

  private tellFailure({ index: worker }: Member, during: string, reason: string, stack: string): void {
    log.event(EVENTS.workerFailed, String(worker), { worker, during, reason, stack });
  }

  private received(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        member.readyAt = Date.now();
        member.state = 'serving';
        if (member.restarts > 0) log.event(EVENTS.workerBack, String(member.index), { worker: member.index });
        if (this.stopping) this.send(member.index, { kind: 'stop' });
        else this.options.onWelcome(member.index, member.generation);
        this.options.onChange();
        return;
      case 'applied':
        member.generation = message.generation;
        this.options.onApplied(member.index, message.generation);
        return;
      case 'pong':
        member.answered = message.question;
        return;
      case 'checkPassword':
        this.options.onPassword(member.index, message);
        return;
      case 'wantKeySet':
        this.options.onKeySet(member.index, message.url);
        return;
      case 'spans':
        this.options.onSpans();
        return;
      case 'explained':
        this.options.onExplained(message);
        return;
      case 'server':
        this.options.onServer(message);
        return;
      case 'serverFailed':
        this.options.onServerFailed(message);
        return;
      default:
    }
  }

  private ended(member: Member, reason: string): void {
    const wasReady = member.readyAt > 0;
    if (wasReady && Date.now() - member.readyAt > PROVED_MS) member.failures = 0;
    member.thread = null;
    member.port = null;
    member.state = 'ended';
    member.readyAt = 0;
    attempt('end of a worker', () => this.options.onEnded(member.index));
    attempt('end of a worker', () => this.options.onChange());
    if (this.stopping) {
      this.checkEnded();
      return;
    }
    // A worker that never booted during `start` is the caller's to judge.
    if (!wasReady && member.restarts === 0) return;
    const wait =
      member.failures === 0 ? FIRST_RESTART_MS : Math.min(FIRST_RESTART_MS * 2 ** member.failures, MAX_RESTART_MS);
    member.failures++;
    member.restarts++;
    member.lostExchanges += member.lost;
    const { index: worker, lost: lost_exchanges } = member;
    log.event(EVENTS.workerReplaced, String(worker), { worker, reason, lost_exchanges, wait_ms: wait });
    member.restart = setTimeout(() => {
      member.restart = null;
      this.bootAgain(member);
    }, timerSpan(wait));
  }
}
