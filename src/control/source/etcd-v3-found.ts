/** What was read of etcd v3, and what of that is of concern. */
import { textOf } from '../../kernel/key-text.ts';
import type { Steps } from '../../kernel/steps.ts';
import { type KeyValue, NO_LEASE } from './etcd-v3-key-value.ts';
import type { KeyTrees } from './key-trees.ts';
import { isName } from './keys.ts';
import { SourceKeys } from './source-keys.ts';

export type FoundKeys = {
  readonly entries: SourceKeys;
  /** Of the keys that have one. */
  readonly leases: ReadonlyMap<string, string>;
};

/** The keys below one prefix, as they are called below it. */
export class Found {
  readonly entries = new SourceKeys();
  readonly leases = new Map<string, string>();
  readonly prefix: string;
  readonly #prefixBytes: number;
  /** Those that are no names. */
  readonly #nameless: string[] = [];

  /** `prefix`: without a slash at its end. */
  constructor(prefix: string) {
    this.prefix = prefix;
    this.#prefixBytes = Buffer.byteLength(prefix) + 1;
  }

  readonly add = ({ bytes, start, end, value, revision, lease }: KeyValue): void => {
    const name = textOf(bytes, start + this.#prefixBytes, end);
    this.entries.set(name, value, revision);
    if (lease !== NO_LEASE) this.leases.set(name, lease);
    if (!isName(name)) this.#nameless.push(name);
  };

  /** Where there is no alias, it is nearly all that was found, which is many keys that nobody copies. */
  settled(trees: KeyTrees): FoundKeys {
    trees.settleOwn();
    for (const name of this.#nameless) {
      this.entries.delete(name);
      this.leases.delete(name);
    }
    const { entries, leases } = this;
    return { entries, leases };
  }
}

/** `all`: below each of the ranges of `trees`. */
export function* settlingAll(all: readonly Found[], trees: KeyTrees): Steps<FoundKeys> {
  const whole = new Map<string, { readonly found: Found; readonly name: string }>();
  for (const found of all) {
    for (const name of found.entries.keys()) {
      yield;
      whole.set(`${found.prefix}/${name}`, { found, name });
    }
  }
  const entries = new SourceKeys();
  const leases = new Map<string, string>();
  for (const [key, { found, name }] of yield* trees.settling(whole)) {
    yield;
    entries.set(key, found.entries.get(name)!, found.entries.revisionOf(name));
    const lease = found.leases.get(name);
    if (lease !== undefined) leases.set(key, lease);
  }
  return { entries, leases };
}
