/**
 * What a worker knows of passwords that were checked: threads of the main thread compare them with their hashes, and verdicts
 * are kept for a minute. What is kept is a hash by a key of this process, of the password and the hash that it was compared
 * with: a changed hash is another question.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { monotonicMs } from '../kernel/monotonic-clock.ts';
import { hashKind } from '../kernel/password-hash.ts';
import type { FromWorker } from '../protocol/messages.ts';

const KEPT_MS = 60_000;
const MAX_KEPT = 10_000;

/** Called once, never within `check`. */
type Done = (isRight: boolean) => void;

export class Passwords {
  private readonly report: (message: FromWorker) => void;
  private readonly key = randomBytes(32);
  /** Right ones: until when, milliseconds. The oldest are first. */
  private readonly known = new Map<string, number>();
  /** Under way: by what is asked, and by the number of the question. */
  private readonly waiting = new Map<string, { readonly id: number; readonly done: Done[] }>();
  private readonly asked = new Map<number, string>();
  private nextId = 1;

  constructor(report: (message: FromWorker) => void) {
    this.report = report;
  }

  /** true or false when it is known at once; null: `done` is called later. */
  check(password: string, hash: string, done: Done): boolean | null {
    if (hashKind(hash) === 'sha1') return isSha1(password, hash);
    const question = createHmac('sha256', this.key).update(`${hash}\0`).update(password).digest('base64');
    const until = this.known.get(question);
    if (until !== undefined && until > monotonicMs()) return true;
    const under = this.waiting.get(question);
    if (under !== undefined) {
      under.done.push(done);
      return null;
    }
    const id = this.nextId++;
    this.waiting.set(question, { id, done: [done] });
    this.asked.set(id, question);
    this.report({ kind: 'checkPassword', id, password, hash });
    return null;
  }

  /** The answer to a question. */
  checked(id: number, isRight: boolean): void {
    const question = this.asked.get(id);
    if (question === undefined) return;
    this.asked.delete(id);
    const { done } = this.waiting.get(question)!;
    this.waiting.delete(question);
    if (isRight) this.remember(question);
    for (const each of done) each(isRight);
  }

  private remember(question: string): void {
    this.known.delete(question);
    if (this.known.size >= MAX_KEPT) this.known.delete(this.known.keys().next().value!);
    this.known.set(question, monotonicMs() + KEPT_MS);
  }
}

function isSha1(password: string, hash: string): boolean {
  const given = Buffer.from(hash.slice('{SHA}'.length), 'base64');
  const made = createHash('sha1').update(password).digest();
  return given.length === made.length && timingSafeEqual(given, made);
}
