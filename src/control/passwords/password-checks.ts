/**
 * Passwords that workers want to have checked: by a few threads that all of them share, one after the other, so that a flood
 * of wrong passwords costs those who send them their time, and nobody else a processor.
 */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { tellLimit } from '../../kernel/limit-log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { PasswordCheck } from './check-password.task.ts';

/** Half of the processors, so that the other half is there for whoever has no password to be checked. */
const THREADS = Math.max(1, Math.floor(availableParallelism() / 2));
/** Checks that may wait; beyond them a password counts as wrong. */
const MAX_WAITING = 1_000;
/** A thread that had nothing to do for so long ends. */
const IDLE_MS = 60_000;

export class PasswordChecks {
  private pool: Piscina<PasswordCheck, boolean> | null = null;

  /** False also when there are too many, or the thread fails. */
  async check(password: string, hash: string): Promise<boolean> {
    this.pool ??= this.start();
    if (this.pool.queueSize >= MAX_WAITING) {
      const what = 'passwords, which count as wrong';
      tellLimit({ limit: 'passwords', object: 'checks', value: MAX_WAITING, what });
      return false;
    }
    try {
      return await this.pool.run({ password, hash });
    } catch (error) {
      tellOwnError('check of a password', error);
      return false;
    }
  }

  private start(): Piscina<PasswordCheck, boolean> {
    const pool = new Piscina<PasswordCheck, boolean>({
      filename: new URL('./check-password.task.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_MS,
    });
    // A thread that dies between two checks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => tellOwnError('thread that checks passwords', error));
    return pool;
  }

  async close(): Promise<void> {
    await this.pool?.destroy();
  }
}
