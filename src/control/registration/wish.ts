/** What is to stand in the store for one server, and whether that has changed. */

/** Key, relative to that of the server → value. None: the server is not to be there. */
export type WantedKeys = ReadonlyMap<string, string>;

const NONE: WantedKeys = new Map();

export class Wish {
  private wanted: WantedKeys = NONE;
  private next = Promise.withResolvers<void>();

  get keys(): WantedKeys {
    return this.wanted;
  }

  /** Resolves when other keys are wanted than now. */
  get changed(): Promise<void> {
    return this.next.promise;
  }

  set(keys: WantedKeys): void {
    if (sameKeys(keys, this.wanted)) return;
    this.wanted = keys;
    const { resolve } = this.next;
    this.next = Promise.withResolvers<void>();
    resolve();
  }
}

export function sameKeys(one: WantedKeys, other: WantedKeys): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
