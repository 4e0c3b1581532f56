/** The passwords that a worker has to check: threads of the main thread compare them with their hashes. */
import { KnownPasswords } from '../../kernel/known-passwords.ts';
import { hashKind, isSha1Password } from '../../kernel/password-hash.ts';
import type { FromWorker } from '../../protocol/messages.ts';

/** Called once, never within `check`. */
type Done = (isRight: boolean) => void;

export class Passwords {
  private readonly report: (message: FromWorker) => void;
  private readonly known = new KnownPasswords();
  /** Under way: by what is asked, and by the number of the question. */
  private readonly waiting = new Map<string, { readonly id: number; readonly done: Done[] }>();
  private readonly asked = new Map<number, string>();
  private nextId = 1;

  constructor(report: (message: FromWorker) => void) {
    this.report = report;
  }

  /** true or false when it is known at once; null: `done` is called later. */
  check(password: string, hash: string, done: Done): boolean | null {
    if (hashKind(hash) === 'sha1') return isSha1Password(password, hash);
    const question = this.known.question(password, hash);
    if (this.known.has(question)) return true;
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
    if (isRight) this.known.add(question);
    for (const each of done) each(isRight);
  }
}
