/** The past of the keys for the admin pages: a thread answers one question after the other, and ends when there are none. */
import { Piscina } from 'piscina';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import type { AnsweredHistory, HistoryQuestion } from './answer.ts';

/** Questions that may wait. */
const MOST_WAITING = 8;
const IDLE_MS = 10_000;

type Ours = 'etcd' | 'path';
/** What is asked, whoever knows it. */
export type OpenQuestion = HistoryQuestion extends infer Each
  ? Each extends object
    ? Omit<Each, Ours>
    : never
  : never;

export class HistoryAnswers {
  private readonly place: Pick<HistoryQuestion, Ours>;
  private pool: Piscina<HistoryQuestion, AnsweredHistory> | null = null;

  /** `path`: as for KeyHistory. */
  constructor(etcd: EtcdSettings, path: string) {
    this.place = { etcd, path };
  }

  /**
   * null: too many ask already.
   * @throws Error when the thread fails
   */
  ask(question: OpenQuestion): Promise<AnsweredHistory> | null {
    this.pool ??= this.start();
    if (this.pool.queueSize >= MOST_WAITING) return null;
    return this.pool.run({ ...this.place, ...question });
  }

  async stop(): Promise<void> {
    await this.pool?.destroy();
  }

  private start(): Piscina<HistoryQuestion, AnsweredHistory> {
    const pool = new Piscina<HistoryQuestion, AnsweredHistory>({
      filename: new URL('./answer.task.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
    });
    // Without a listener a thread that dies between two questions would end the process.
    pool.on('error', (error) => tellOwnError('thread that looks into the past', error));
    return pool;
  }
}
