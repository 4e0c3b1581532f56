/** Who wants to hear that something of the control plane has changed, and how often at most. */
import { attempt } from './guarded.ts';

/** The quickest rate, so that a storm of changes costs no more than a few pages. */
const NOTIFY_MS = 100;

export class ChangeListeners {
  private readonly listeners = new Set<() => void>();
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  /** Returns what ends it. */
  add(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  notify(): void {
    if (this.timer !== null || this.listeners.size === 0 || this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      for (const listener of this.listeners) attempt('listener of changes', listener);
    }, NOTIFY_MS);
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
