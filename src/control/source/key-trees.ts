/**
 * Which tree of a store gives the backends, frontends and certificates: the one below the prefix or, when the key
 * `alias` is there, the one below the prefix that it names (shared/spec kv-schema §9). Pure; each source feeds it.
 *
 *     aim(value of alias) ─▶ ranges() to be read ─▶ decide(all keys) ─▶ relative(key) … until unsettles(key)
 *
 * Unlike the original we follow the tree that is in force, wherever it lies. An alias that leads to no tree leaves the
 * last one in force, and is settled anew as soon as a tree appears there.
 */
import { relativeKey } from './keys.ts';

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
  /** Where the tree should be; null when the alias names no prefix. */
  #target: string | null;
  /** The tree in force; null: there has been none yet. */
  #current: string | null = null;
  #hasBackends = false;
  #hasFrontends = false;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#aliasKey = `${prefix}/alias`;
    this.#target = prefix;
  }

  get aliasKey(): string {
    return this.#aliasKey;
  }

  /** Where the tree in force is while that is not below the prefix itself. */
  get elsewhere(): string | null {
    return this.#current === this.#prefix ? null : this.#current;
  }

  /** `value` of the alias; undefined when there is none. */
  aim(value: string | undefined): void {
    this.#aliased = value !== undefined;
    const target = value === undefined ? { prefix: this.#prefix } : targetOf(value);
    this.#target = 'prefix' in target ? target.prefix : null;
    this.problem = 'reason' in target ? target.reason : '';
  }

  /** The store does not let us read below the target. */
  refuse(reason: string): void {
    this.problem = `${JSON.stringify(this.#target)} cannot be read: ${reason}`;
    this.#target = null;
  }

  /** Prefixes below which all keys of concern lie, none within another. */
  ranges(): string[] {
    const wanted = [...new Set([this.#prefix, this.#target, this.#current])].filter((prefix) => prefix !== null);
    return wanted.filter((prefix) => !wanted.some((other) => other !== prefix && isWithin(prefix, other)));
  }

  /** `keys`: all there are below `ranges()`. From here on `relative` is about the tree in force. */
  decide(keys: Iterable<string>): void {
    const target = this.#target;
    if (target !== null) {
      this.#hasBackends = false;
      this.#hasFrontends = false;
      for (const key of keys) this.#look(key);
      // Without an alias, or when it leads where we are, an emptied tree is what somebody wants.
      const settled = !this.#aliased || target === this.#current || (this.#hasBackends && this.#hasFrontends);
      if (settled) {
        this.#current = target;
        return;
      }
      this.problem = `there are no backends and frontends below ${JSON.stringify(target)}`;
    }
    const inForce =
      this.#current === null ? 'nothing is routed' : `the tree at "${this.#current || '/'}" stays in force`;
    this.problem += `; ${inForce}`;
  }

  /** The key as it is called inside, relative to its tree or to the prefix; null when it is of no concern. */
  relative(key: string): string | null {
    const inTree = this.#current === null ? null : relativeKey(this.#current, key);
    if (inTree !== null && IN_TREE.test(inTree)) return inTree;
    const own = relativeKey(this.#prefix, key);
    if (own === null || IN_TREE.test(own)) return null;
    return this.#aliased && IN_OTHER_TREE.test(own) ? null : own;
  }

  /** Must the store be read again because this key was set or, with null, deleted? */
  unsettles(key: string, value: string | null): boolean {
    if (key === this.#aliasKey) return true;
    if (this.problem === '' || this.#target === null || value === null) return false;
    this.#look(key);
    return this.#hasBackends && this.#hasFrontends;
  }

  #look(key: string): void {
    const relative = this.#target === null ? null : relativeKey(this.#target, key);
    if (relative?.startsWith('backends/')) this.#hasBackends = true;
    else if (relative?.startsWith('frontends/')) this.#hasFrontends = true;
  }
}
