/**
 * Passwords that were found right, for a minute: whoever shows one again is not compared with a slow hash again. What is
 * kept is a digest by a random key of this object, of the password and of the hash it was compared with, so that a changed
 * hash is another question. The key stands before them (one block of SHA-256): that is as good as HMAC as long as nobody is
 * shown a digest, and costs a tenth.
 */
import { hash as digest, randomBytes } from 'node:crypto';
import { monotonicMs } from './monotonic-clock.ts';

const KEPT_MS = 60_000;
const MAX_KEPT = 10_000;

export class KnownPasswords {
  private readonly key = randomBytes(32).toString('hex');
  /** Until when, milliseconds. The oldest are first. */
  private readonly until = new Map<string, number>();

  /** What `has` and `add` take. */
  question(password: string, hash: string): string {
    return digest('sha256', `${this.key}${hash}\0${password}`, 'base64');
  }

  has(question: string): boolean {
    const until = this.until.get(question);
    return until !== undefined && until > monotonicMs();
  }

  add(question: string): void {
    this.until.delete(question);
    if (this.until.size >= MAX_KEPT) this.until.delete(this.until.keys().next().value!);
    this.until.set(question, monotonicMs() + KEPT_MS);
  }
}
