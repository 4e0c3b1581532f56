/**
 * The access log, as the main thread has it: the memory that is shared with workers, and the thread that writes. Its troubles
 * are told in the operational log.
 */
import { Worker } from 'node:worker_threads';
import type { AccessLogOptions } from '../../kernel/access-log-options.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { onReopenSignal } from '../../kernel/signals.ts';
import type { BootAccessLog, FromLogWriter, LogWriterBoot, ToLogWriter } from '../../protocol/messages.ts';
import {
  type AccessLogBuffers,
  AccessLogWords,
  createAccessLogBuffers,
  droppedLines,
} from '../../shared/access-log.ts';
import { guarded } from '../guarded.ts';
import { InternalLog } from './internal-log.ts';

const WRITER_URL = new URL('./writer-thread.ts', import.meta.url);
/** At the end, for what is not written yet. */
const END_MS = 2_000;
const STDOUT = 'stdout';

/** For the metrics. */
export type AccessLogView = {
  readonly lines: number;
  readonly bytes: number;
  /** In the order of DROP_REASONS. */
  readonly dropped: readonly number[];
};

function nameOf({ syslog, filePath }: AccessLogOptions): string {
  if (syslog !== null) return `${syslog.protocol}://${syslog.host}:${syslog.port}`;
  return filePath === '' ? STDOUT : filePath;
}

export class AccessLogControl {
  private readonly options: AccessLogOptions;
  private readonly name: string;
  private readonly buffers: AccessLogBuffers;
  private readonly words: AccessLogWords;
  /** Of the admin address; null: it has none. */
  readonly internals: InternalLog | null;
  private thread: Worker | null = null;
  private takesNoSignals: (() => void) | null = null;
  private onOpened: () => void = () => {};
  private onEnded: () => void = () => {};

  constructor(options: AccessLogOptions, workers: number) {
    this.options = options;
    this.name = nameOf(options);
    this.buffers = createAccessLogBuffers(workers, options.mostLines);
    this.words = new AccessLogWords(this.buffers.words);
    this.internals = options.internals ? new InternalLog(this.bootOf(workers)) : null;
  }

  /** What a worker is told of it when it boots; the index behind the last one is that of the main thread. */
  bootOf(index: number): BootAccessLog {
    return { options: this.options, words: this.buffers.words, memory: this.buffers.memories[index] };
  }

  get view(): AccessLogView {
    return { lines: this.words.lines, bytes: this.words.bytes, dropped: droppedLines(this.buffers) };
  }

  /** Resolves when it is open, or cannot be opened, which is told. */
  async start(): Promise<void> {
    const workerData: LogWriterBoot = { options: this.options, buffers: this.buffers };
    const thread = new Worker(WRITER_URL, { workerData, name: 'access-log' });
    this.thread = thread;
    const opened = new Promise<void>((resolve) => {
      this.onOpened = resolve;
    });
    thread.on(
      'message',
      guarded('message of the access log', (message: FromLogWriter) => this.received(message)),
    );
    thread.on('error', (error) => {
      this.words.isOff = true;
      log.event(EVENTS.accessLogFailed, this.name, { path: this.name, reason: error.message });
    });
    thread.on('exit', () => {
      this.thread = null;
      this.onOpened();
      this.onEnded();
    });
    if (this.name !== STDOUT) this.takesNoSignals = onReopenSignal(() => this.send({ kind: 'reopen' }));
    await opened;
  }

  private send(message: ToLogWriter): void {
    this.thread?.postMessage(message);
  }

  private received(message: FromLogWriter): void {
    const { name: path } = this;
    switch (message.kind) {
      case 'opened':
        this.onOpened();
        return;
      case 'openFailed':
      case 'writeFailed':
      case 'off':
        log.event(EVENTS.accessLogFailed, path, { path, reason: message.reason });
        this.onOpened();
        return;
      case 'reopened':
        log.event(EVENTS.logReopened, path, { log: 'access', path });
        return;
      case 'reopenFailed':
        log.event(EVENTS.logReopenFailed, path, { log: 'access', path, reason: message.reason });
        return;
      case 'lost':
        log.event(EVENTS.accessLogLost, message.reason, { path, count: message.count, reason: message.reason });
        return;
      default:
    }
  }

  /** What is there is written, for 2 s at most. */
  async stop(): Promise<void> {
    const { thread } = this;
    this.takesNoSignals?.();
    this.internals?.publish();
    if (thread === null) return;
    const ended = new Promise<void>((resolve) => {
      this.onEnded = resolve;
    });
    this.send({ kind: 'end' });
    const timer = setTimeout(() => void thread.terminate(), END_MS);
    await ended;
    clearTimeout(timer);
  }
}
