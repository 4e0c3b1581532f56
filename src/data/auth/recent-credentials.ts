/**
 * Credentials of basic auth that were let in within this second, as the field that brought them: clients show the same ones
 * with every request, and the whole way (taken apart, compared with a digest by a secret key) costs several times as much.
 *
 * Why that gives nothing away. Only what has gone the whole way and was right is here, so wrong passwords and names that
 * nobody has always go it, and it is equally long for both. A lookup compares text with text only where the hash of both is
 * the same, and V8 hashes by a random key of its own: how long that takes says nothing about how much of a guess is right.
 * They belong to the users of one table: with other users, or another hash for one of them, nothing is known. Passwords stay
 * here for no longer than the text of a request lies in the heap anyway. And there are at most so many.
 */
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';

const KEPT_MS = 1_000;
const MAX_KEPT = 1_000;
/** Characters of a field. */
const MAX_LENGTH = 256;

export class RecentCredentials extends TimerEntry {
  private readonly names = new Map<string, string>();
  private readonly wheel: TimerWheel;

  constructor(wheel: TimerWheel) {
    super();
    this.wheel = wheel;
  }

  /** The name in them; undefined when they are not here. */
  nameIn(field: string): string | undefined {
    return this.names.get(field);
  }

  add(field: string, name: string): void {
    if (field.length > MAX_LENGTH || this.names.size >= MAX_KEPT) return;
    if (this.names.size === 0) this.wheel.arm(this, KEPT_MS);
    // A copy: what was cut out of the text of a request would keep all of that.
    this.names.set(Buffer.from(field).toString(), name);
  }

  override expired(): void {
    this.names.clear();
  }
}
