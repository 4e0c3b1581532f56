/**
 * Notices when files are replaced or written anew. It asks, rather than being told: inotify says nothing when a symlink
 * somewhere in a path is swapped (Kubernetes secrets, certbot), and nothing on network file systems.
 */
import { attempt, guarded } from '../guarded.ts';
import { fileStamp } from './pem-text.ts';

const TICK_MS = 1000;
/** Files per tick: up to so many are looked at each second, ten thousand within a minute. */
const FILES_PER_TICK = 200;

export class FileWatch<User> {
  private readonly onChange: (user: User) => void;
  private readonly files = new Map<string, { stamp: string; readonly users: Set<User> }>();
  private pass: IterableIterator<string> = [][Symbol.iterator]();
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  /** `onChange` is called once for each user of a file that has changed. */
  constructor(onChange: (user: User) => void) {
    this.onChange = onChange;
  }

  /** `stamp`: of the file before the user read it. A file that is not there is watched as well. */
  add(path: string, stamp: string, user: User): void {
    const file = this.files.get(path);
    if (file === undefined) this.files.set(path, { stamp, users: new Set([user]) });
    else {
      // Others saw an older one: the next look tells them.
      file.users.add(user);
    }
    if (this.timer === null && !this.stopped) this.schedule();
  }

  remove(path: string, user: User): void {
    const file = this.files.get(path);
    if (file === undefined) return;
    file.users.delete(user);
    if (file.users.size === 0) this.files.delete(path);
  }

  /** Looks at all of them at once, rather than by and by. */
  async lookNow(): Promise<void> {
    await Promise.all([...this.files.keys()].map((path) => this.look(path)));
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private schedule(): void {
    this.timer = setTimeout(
      guarded('file watch', () => this.tick()),
      TICK_MS,
    );
    this.timer.unref();
  }

  private async tick(): Promise<void> {
    const paths: string[] = [];
    while (paths.length < Math.min(FILES_PER_TICK, this.files.size)) {
      const next = this.pass.next();
      if (next.done === true) {
        if (paths.length > 0) break;
        this.pass = this.files.keys();
      } else paths.push(next.value);
    }
    for (const path of paths) await this.look(path);
    if (this.stopped) return;
    if (this.files.size > 0) this.schedule();
    else this.timer = null;
  }

  private async look(path: string): Promise<void> {
    const stamp = await fileStamp(path);
    const file = this.files.get(path);
    if (file === undefined || file.stamp === stamp || this.stopped) return;
    file.stamp = stamp;
    for (const user of [...file.users]) attempt('file watch', () => this.onChange(user));
  }
}
