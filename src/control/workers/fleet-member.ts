/**
 * One worker of the fleet, whatever thread it is at the moment: boots, is heard, and is replaced when its thread ends by itself.
 * One that fails while it boots is tried again ever more slowly.
 */
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
import { tellListenFailure } from '../listening.ts';
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

export type MemberOptions = {
  readonly threads: WorkerThreads;
  /** Of each worker. */
  readonly heap: ResourceLimits;
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

/** What is true of all members at the moment. */
export type FleetState = {
  logLevel: string;
  entryPoints: readonly EntryPoint[];
  /** The last one that all threads were asked. */
  question: number;
  /** Nobody is replaced any more. */
  stopping: boolean;
};

export class FleetMember {
  readonly index: number;
  private readonly fleet: Readonly<FleetState>;
  private readonly options: MemberOptions;
  private readonly onGone: () => void;
  private thread: Worker | null = null;
  private port: MessagePort | null = null;
  state: WorkerView['state'] = 'starting';
  /** Of the table that it has, 0 for none. */
  generation = 0;
  private restarts = 0;
  private failures = 0;
  /** Exchanges that its thread had when it failed. */
  private lost = 0;
  /** Since start. */
  private lostExchanges = 0;
  /** Unix milliseconds, 0 as long as its thread boots. */
  private readyAt = 0;
  /** The last question that its thread has answered. */
  private answered = 0;
  private restart: NodeJS.Timeout | null = null;

  /** `onGone`: its thread has ended while the fleet is stopping. */
  constructor(index: number, fleet: Readonly<FleetState>, options: MemberOptions, onGone: () => void) {
    this.index = index;
    this.fleet = fleet;
    this.options = options;
    this.onGone = onGone;
  }

  get hasThread(): boolean {
    return this.thread !== null;
  }

  get isReady(): boolean {
    return this.readyAt > 0;
  }

  /** Its thread has not answered the last question. */
  get isSilent(): boolean {
    return this.thread !== null && this.answered !== this.fleet.question;
  }

  view(): WorkerView {
    const { index, state, generation, restarts, lostExchanges } = this;
    const loop = (): EventLoopUtilization | null => this.thread?.performance.eventLoopUtilization() ?? null;
    return { index, state, generation, restarts, lostExchanges, loop };
  }

  send(message: ToWorker): void {
    this.port?.postMessage(message);
  }

  /** The fleet is stopping: it is not replaced, and does not begin to serve. */
  beginDrain(): void {
    if (this.restart !== null) clearTimeout(this.restart);
    this.restart = null;
    if (this.thread === null) this.state = 'ended';
    else if (this.readyAt === 0) this.send({ kind: 'stop' });
    else this.state = 'draining';
  }

  /**
   * Resolves when it listens, or has ended since the fleet is stopping.
   * @throws ListenError, or TsujiError WORKER_BOOT_FAILED with the worker's own words
   */
  boot(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const logQueue = new SharedArrayBuffer(4);
    const waiting = new Int32Array(logQueue);
    this.lost = 0;
    const thread = this.options.threads.take(this.index, this.options.heap);
    thread.postMessage(this.bootRecord(logQueue, port2), [port2]);
    this.thread = thread;
    this.port = port1;
    this.state = 'starting';
    this.readyAt = 0;
    // It was not there to be asked.
    this.answered = this.fleet.question;
    // It waits in the channel: the worker takes it before it listens.
    this.generation = this.options.onWelcome(this.index, 0);
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
          this.lost = message.open;
          // At the first boot the start itself fails, once for all workers, and gives the reason.
          const first = message.during === 'boot' && this.restarts === 0;
          if (!first && listen === null) this.tellFailure(message.during, failure, message.stack);
          if (!first && listen !== null) tellListenFailure(listen);
        }
        this.received(message);
        if (message.kind === 'ready') resolve();
      };
      // What a worker cannot report itself: its file does not load, or it runs out of memory.
      thread.on('error', (error) => {
        failure = error.message;
        this.lost = this.options.openOf(this.index);
        // At the first boot the start itself fails with these words.
        const isFirst = this.readyAt === 0 && this.restarts === 0;
        if (!isFirst) this.tellFailure(this.readyAt > 0 ? 'serving' : 'boot', failure, '');
      });
      hearOut(thread, port1, guarded('message of a worker', heard), () => {
        this.ended(failure);
        // Told to stop before it was ready, it has done what it should.
        if (this.fleet.stopping) resolve();
        else if (listen !== null) reject(new ListenError('LISTEN_FAILED', listen));
        else reject(new TsujiError('WORKER_BOOT_FAILED', failure === '' ? 'a worker ended while it booted' : failure));
      });
    });
  }

  private bootRecord(logQueue: SharedArrayBuffer, port: MessagePort): Boot {
    const { index, fleet, options } = this;
    return {
      index,
      logLevel: fleet.logLevel,
      entryPoints: fleet.entryPoints,
      options: options.options,
      tls: options.tls(),
      keySets: options.keySets(),
      ...options.shared,
      metrics: options.lanes[index],
      accessLog: options.accessLog?.bootOf(index) ?? null,
      spans: options.spans.at(index) ?? null,
      tail: options.tails.buffers[index],
      tails: options.tails.tails(),
      counts: options.counts[index],
      logQueue,
      port,
    };
  }

  private bootAgain(): void {
    try {
      this.boot().catch(() => {});
    } catch (error) {
      // Not even a thread could be made: it is tried again, ever more slowly.
      this.ended(reasonOf(error));
    }
  }

  private tellFailure(during: string, reason: string, stack: string): void {
    const worker = this.index;
    log.event(EVENTS.workerFailed, String(worker), { worker, during, reason, stack });
  }

  private received(message: FromWorker): void {
    const { index, options } = this;
    switch (message.kind) {
      case 'ready':
        this.readyAt = Date.now();
        this.state = 'serving';
        if (this.restarts > 0) log.event(EVENTS.workerBack, String(index), { worker: index });
        if (this.fleet.stopping) this.send({ kind: 'stop' });
        else options.onWelcome(index, this.generation);
        options.onChange();
        return;
      case 'applied':
        this.generation = message.generation;
        options.onApplied(index, message.generation);
        return;
      case 'pong':
        this.answered = message.question;
        return;
      case 'checkPassword':
        options.onPassword(index, message);
        return;
      case 'wantKeySet':
        options.onKeySet(index, message.url);
        return;
      case 'spans':
        options.onSpans();
        return;
      case 'explained':
        options.onExplained(message);
        return;
      case 'server':
        options.onServer(message);
        return;
      case 'serverFailed':
        options.onServerFailed(message);
        return;
      default:
    }
  }

  private ended(reason: string): void {
    const { index: worker, options } = this;
    const wasReady = this.readyAt > 0;
    if (wasReady && Date.now() - this.readyAt > PROVED_MS) this.failures = 0;
    this.thread = null;
    this.port = null;
    this.state = 'ended';
    this.readyAt = 0;
    attempt('end of a worker', () => options.onEnded(worker));
    attempt('end of a worker', () => options.onChange());
    if (this.fleet.stopping) {
      this.onGone();
      return;
    }
    // A worker that never booted during `start` is the caller's to judge.
    if (!wasReady && this.restarts === 0) return;
    const wait =
      this.failures === 0 ? FIRST_RESTART_MS : Math.min(FIRST_RESTART_MS * 2 ** this.failures, MAX_RESTART_MS);
    this.failures++;
    this.restarts++;
    this.lostExchanges += this.lost;
    const lost_exchanges = this.lost;
    log.event(EVENTS.workerReplaced, String(worker), { worker, reason, lost_exchanges, wait_ms: wait });
    this.restart = setTimeout(() => {
      this.restart = null;
      this.bootAgain();
    }, timerSpan(wait));
  }
}
