/**
 * Which tree of a store gives the backends, frontends and certificates: the one below the prefix or, when the key
 * `alias` is there, the one below the prefix that it names (shared/spec kv-schema §9). Pure; each source feeds it.
 *
 *     aim(value of alias) ─▶ ranges() to be read ─▶ settle(all keys) ─▶ changes(of keys) … until one unsettles it
 *
 * Which tree that is depends on nothing but the keys that there are now, so that a node that starts routes like all that
 * run: an alias that cannot be obeyed (it is no prefix, or there is nothing below it) is as good as none, and is settled
 * anew with the first key that comes there. Unlike the original we follow the tree in force wherever it lies.
 */
import { atOnce, type Steps } from '../../kernel/steps.ts';
import { relativeKey } from './keys.ts';
import type { Change } from './source.ts';

/** Below the prefix. */
export const ALIAS = 'alias';

const IN_TREE = /^(backends|frontends|tls)\//;
/** Below the prefix, but of another tree than its own. */
const IN_OTHER_TREE = /\/(backends|frontends|tls)\//;

/** The prefix that an alias names, or why it names none. */
function targetOf(value: string): { readonly prefix: string } | { readonly reason: string } {
  const prefix = value.replace(/\/$/, '');
  if (prefix === '') return { prefix };
  const quoted = JSON.stringify(value);
  if (!prefix.startsWith('/')) return { reason: `${quoted} is no prefix: it must begin with "/"` };
  if (/[\x00-\x1f]/.test(prefix)) return { reason: `${quoted} is no prefix: it holds a control character` };
  const parts = prefix.slice(1).split('/');
  if (!parts.some((part) => part === '' || part === '.' || part === '..')) return { prefix };
  return { reason: `${quoted} is no prefix: a part of it is empty, "." or ".."` };
}

function isWithin(prefix: string, other: string): boolean {
  return prefix === other || prefix.startsWith(`${other}/`);
}

/** All keys here are whole, with their leading slash; prefixes have a leading and no trailing slash, '' is the root. */
export class KeyTrees {
  /** Why the alias is not obeyed, '' while it is or there is none. */
  problem = '';
  readonly #prefix: string;
  readonly #aliasKey: string;
  #aliased = false;
  /** What an alias names; null: there is none, or it names no prefix that can be read. */
  #target: string | null = null;
  /** The store does not let us read below what the alias names. */
  #refused = false;
  /** Keys of the tree below the target. */
  readonly #inTarget = new Set<string>();
  /** The tree in force. */
  #current: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#aliasKey = `${prefix}/${ALIAS}`;
    this.#current = prefix;
  }

  get aliasKey(): string {
    return this.#aliasKey;
  }

  /** There is one, be it one that cannot be obeyed. */
  get isAliased(): boolean {
    return this.#aliased;
  }

  /** Where the tree in force is while that is not below the prefix itself. */
  get elsewhere(): string | null {
    return this.#current === this.#prefix ? null : this.#current;
  }

  /** Only another reading tells whether the target may be read by now. */
  get isRefused(): boolean {
    return this.#refused;
  }

  /** `value` of the alias; undefined when there is none. */
  aim(value: string | undefined): void {
    this.#aliased = value !== undefined;
    this.#refused = false;
    const target = value === undefined ? { prefix: this.#prefix } : targetOf(value);
    this.#target = 'prefix' in target ? target.prefix : null;
    this.problem = 'reason' in target ? target.reason : '';
  }

  /** The store does not let us read below the target. */
  refuse(reason: string): void {
    this.problem = `${JSON.stringify(this.#target)} cannot be read: ${reason}`;
    this.#target = null;
    this.#refused = true;
  }

  /** Prefixes below which all keys of concern lie, none within another. */
  ranges(): string[] {
    const wanted = this.#target === null ? [this.#prefix] : [...new Set([this.#prefix, this.#target])];
    return wanted.filter((prefix) => !wanted.some((other) => other !== prefix && isWithin(prefix, other)));
  }

  /** `keys`: all there are below `ranges()`. Gives those of concern, relative to the tree that is in force from here on. */
  settle<Value>(keys: ReadonlyMap<string, Value>): Map<string, Value> {
    return atOnce(this.settling(keys));
  }

  /** The same bit by bit. */
  *settling<Value>(keys: ReadonlyMap<string, Value>): Steps<Map<string, Value>> {
    const target = this.#target;
    this.#inTarget.clear();
    if (target !== null && target !== this.#prefix) {
      for (const key of keys.keys()) {
        yield;
        if (this.#isInTarget(key)) this.#inTarget.add(key);
      }
      if (this.#inTarget.size === 0) this.problem = `there is no tree below ${JSON.stringify(target)}`;
    }
    const isObeyed = target !== null && this.problem === '';
    this.#current = isObeyed ? target : this.#prefix;
    if (!isObeyed) this.problem += `; the tree at "${this.#prefix || '/'}" is in force`;
    const entries = new Map<string, Value>();
    for (const [key, value] of keys) {
      yield;
      const relative = this.relative(key);
      if (relative !== null) entries.set(relative, value);
    }
    return entries;
  }

  /** Where there is no alias: all keys below the prefix are of concern that are a name (keys.ts). */
  settleOwn(): void {
    this.#inTarget.clear();
    this.#current = this.#prefix;
  }

  /** What of a batch is of concern, relative; null when the store must be read again. */
  changes<Kind extends Change>(batch: Iterable<Kind>): Kind[] | null {
    const changes: Kind[] = [];
    for (const change of batch) {
      if (this.#unsettles(change.key, change.value)) return null;
      const key = this.relative(change.key);
      if (key !== null) changes.push({ ...change, key });
    }
    return changes;
  }

  /** The key as it is called inside, relative to its tree or to the prefix; null when it is of no concern. */
  relative(key: string): string | null {
    const inTree = relativeKey(this.#current, key);
    if (inTree !== null && IN_TREE.test(inTree)) return inTree;
    const own = relativeKey(this.#prefix, key);
    if (own === null || IN_TREE.test(own)) return null;
    return this.#aliased && IN_OTHER_TREE.test(own) ? null : own;
  }

  /** Must the store be read again because this key was set or, with null, deleted? */
  #unsettles(key: string, value: string | null): boolean {
    if (key === this.#aliasKey) return true;
    if (this.#target === this.#prefix || !this.#isInTarget(key)) return false;
    const wasEmpty = this.#inTarget.size === 0;
    if (value === null) this.#inTarget.delete(key);
    else this.#inTarget.add(key);
    return wasEmpty !== (this.#inTarget.size === 0);
  }

  #isInTarget(key: string): boolean {
    const relative = this.#target === null ? null : relativeKey(this.#target, key);
    return relative !== null && IN_TREE.test(relative);
  }
}
