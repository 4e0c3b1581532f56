/**
 * Tells the service manager how we are (sd_notify(3)), as `Type=notify` of systemd asks for. Node has no datagrams on
 * unix sockets, and what npm has for it is compiled where it is installed; so systemd's own `systemd-notify` sends them,
 * which is there wherever systemd is (5 ms of another CPU each). A unit has to say NotifyAccess=all for that. It stays until
 * the manager has read the message, so that the manager still sees whose it is.
 */

import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';

/** As sd_notify(3) names them. */
export type ServiceState = {
  readonly READY?: '1';
  readonly RELOADING?: '1';
  readonly STOPPING?: '1';
  readonly STATUS?: string;
  readonly MAINPID?: string;
  readonly WATCHDOG?: '1';
  /** Time in which the manager hears of us again, while we start or stop. */
  readonly EXTEND_TIMEOUT_USEC?: string;
};

type Name = keyof ServiceState;

/** What is over when a newer word comes before the older one was sent. */
const OVER_BY: Partial<Record<Name, readonly Name[]>> = {
  READY: ['RELOADING'],
  RELOADING: ['READY'],
  STOPPING: ['READY', 'RELOADING', 'WATCHDOG'],
};

const PROGRAM = 'systemd-notify';
/** It waits 5 s itself for a manager that is busy. */
const PATIENCE_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** For the last word: whoever waits for it ends, and the manager may hang. */
const LAST_WORD_MS = 20_000;

/** In the order in which they come; what comes while one is being sent goes out as one message behind it. */
export class ServiceNotifier {
  private readonly env: Readonly<Record<string, string | undefined>>;
  private waiting = new Map<Name, string>();
  private sending = false;
  private silent: boolean;
  private failures = 0;
  private allSent: (() => void) | null = null;

  /** Silent without NOTIFY_SOCKET: nobody wants to know. */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.env = env;
    this.silent = (env.NOTIFY_SOCKET ?? '') === '';
  }

  get isHeard(): boolean {
    return !this.silent;
  }

  notify(state: ServiceState): void {
    if (this.silent) return;
    this.add(Object.entries(state) as [Name, string][]);
    this.send();
  }

  /** Says this, and nothing behind it. Resolves when the manager has read it, or will not. */
  async lastWord(state: ServiceState): Promise<void> {
    if (this.silent) return;
    const said = Promise.withResolvers<void>();
    this.allSent = said.resolve;
    const timer = setTimeout(said.resolve, LAST_WORD_MS);
    this.notify(state);
    await said.promise;
    clearTimeout(timer);
    this.fallSilent();
  }

  private fallSilent(): void {
    this.silent = true;
    this.waiting.clear();
    this.allSent?.();
  }

  private add(words: Iterable<readonly [Name, string]>): void {
    for (const [name, value] of words) {
      for (const over of OVER_BY[name] ?? []) this.waiting.delete(over);
      this.waiting.set(name, value);
    }
  }

  private send(): void {
    if (this.sending) return;
    if (this.waiting.size === 0) {
      this.allSent?.();
      return;
    }
    this.sending = true;
    const message = this.waiting;
    this.waiting = new Map();
    const words = Array.from(message, ([name, value]) => `${name}=${value}`);
    const sent = (error: Error | null, complaint: string): void => this.sent(message, error, complaint);
    try {
      const options = { env: this.env, timeout: PATIENCE_MS };
      const child = execFile(PROGRAM, words, options, (error, _, complaint) => sent(error, complaint));
      // Nothing of this may keep the process from ending.
      child.unref();
      for (const pipe of [child.stdout, child.stderr]) (pipe as Socket | null)?.unref();
    } catch (error) {
      // There was no memory for a process, or no descriptor.
      sent(error as Error, '');
    }
  }

  private sent(message: ReadonlyMap<Name, string>, error: NodeJS.ErrnoException | null, complaint: string): void {
    this.sending = false;
    if (error === null) {
      this.failures = 0;
      this.send();
      return;
    }
    if (this.silent) return;
    const reason = complaint.trim() || reasonOf(error);
    log.event(EVENTS.notifyFailed, this.env.NOTIFY_SOCKET!, { reason });
    // It is not there. Whoever waits for READY=1 will end us for that: it is for a person to mend.
    if (error.code === 'ENOENT' || error.code === 'EACCES') this.fallSilent();
    else this.sendAgain(message);
  }

  private sendAgain(message: ReadonlyMap<Name, string>): void {
    const newer = this.waiting;
    this.waiting = new Map(message);
    this.add(newer);
    this.sending = true;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** this.failures++, MAX_RETRY_MS);
    setTimeout(() => {
      this.sending = false;
      this.send();
    }, timerSpan(wait)).unref();
  }
}

export const serviceManager = new ServiceNotifier(process.env);
