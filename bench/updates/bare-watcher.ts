/** How long etcd and the machine alone take: from a write to its event at a client that does nothing else with it. */
import type { Etcd3, Watcher } from 'etcd3';

export class BareWatcher {
  /** Milliseconds of each. */
  readonly times: number[] = [];
  readonly #began = new Map<string, number>();
  readonly #watcher: Watcher;

  private constructor(watcher: Watcher) {
    this.#watcher = watcher;
    watcher.on('put', ({ key }) => this.#heard(key.toString()));
  }

  static async of(client: Etcd3, prefix: string): Promise<BareWatcher> {
    return new BareWatcher(await client.watch().prefix(prefix).create());
  }

  /** That key is written now. */
  begin(key: string): void {
    this.#began.set(key, performance.now());
  }

  async stop(): Promise<void> {
    await this.#watcher.cancel();
  }

  #heard(key: string): void {
    const began = this.#began.get(key);
    if (began !== undefined) this.times.push(performance.now() - began);
    this.#began.delete(key);
  }
}
