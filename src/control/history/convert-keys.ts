/** What keys of etcd v2 become in v3. Pure. */
import type { KeyChange } from './difference.ts';
import type { StoredKey } from './etcd-history.ts';
import type { V2Keys } from './etcd-v2-keys.ts';

export type KeyPlan = {
  /** In the order in which they are to be written, so that nothing leads to what is not there yet. */
  readonly changes: readonly KeyChange[];
  /** Of those that are to expire: key → seconds. */
  readonly lives: ReadonlyMap<string, number>;
  /** What is left as it is, and why. */
  readonly notes: readonly string[];
};

export type PlanOptions = {
  /** Keys with a TTL come under a lease, and are not left out. */
  readonly withLeases: boolean;
  /** v2 counts where both have a value. */
  readonly overwrites: boolean;
};

/** What others name comes before them. */
const ORDER = [/^tls\//, /^backends\//, /^(?!frontends\/|alias$)/, /^frontends\//, /^alias$/];

function rankOf(key: string): number {
  return ORDER.findIndex((pattern) => pattern.test(key));
}

export function planKeys(
  { keys, empty }: V2Keys,
  there: ReadonlyMap<string, StoredKey>,
  options: PlanOptions,
): KeyPlan {
  const changes: KeyChange[] = [];
  const lives = new Map<string, number>();
  const notes: string[] = [];
  let same = 0;
  for (const [key, { value, ttl }] of keys) {
    const now = there.get(key);
    if (now?.value === value) same++;
    else if (ttl > 0 && !options.withLeases) {
      notes.push(
        `${key} is left out: it expires in ${ttl} s, so whoever renews it must write it with API v3 (tsuji register)`,
      );
    } else if (now !== undefined && !options.overwrites) {
      notes.push(`${key} stays as it is: v3 has another value, which counts (--overwrite takes that of v2)`);
    } else {
      changes.push({ key, before: now?.value ?? null, after: value });
      if (ttl > 0) lives.set(key, ttl);
    }
  }
  changes.sort((one, other) => rankOf(one.key) - rankOf(other.key) || (one.key < other.key ? -1 : 1));
  for (const directory of empty.filter((key) => /^backends\/[^/]+$/.test(key))) {
    notes.push(
      `${directory} is left out: v3 has no empty directories; its frontends answer 404 then, and no longer 503`,
    );
  }
  const alias = keys.get('alias')?.value;
  if (alias !== undefined) notes.push(`alias leads to ${alias}, whose keys are converted with --etcd.prefix=${alias}`);
  if (same > 0) notes.push(`${same} keys are the same in v3`);
  return { changes, lives, notes };
}
