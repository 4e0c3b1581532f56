/**
 * Keys that signatures of tokens are verified with, as a worker holds them: those of a frontend's own, and the key sets (JWKS)
 * that the main thread fetches. A token with an unknown key may wait while a set is fetched again, which one URL is at most
 * once a minute.
 */
import type { KeyObject } from 'node:crypto';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { fits, keyObjectOf, type VerificationKey } from '../../kernel/verification-keys.ts';
import type { FromWorker, KeySet } from '../../protocol/messages.ts';

const ASK_MS = 60_000;
/** Requests that may wait for keys; beyond them a token is judged by those that are there. */
const MAX_WAITING = 1_000;
/** Keys that one token is tried with. */
const MAX_TRIED = 5;

/** Some keys, found by what a token says of its own. */
export class KeyRing {
  private readonly keys: readonly { readonly key: VerificationKey; readonly object: KeyObject }[];

  constructor(keys: readonly VerificationKey[]) {
    this.keys = keys.map((key) => ({ key, object: keyObjectOf(key) }));
  }

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  /** null: none may have made that token, whatever its algorithm. `kid`: '' for a token that names none. */
  find(kid: string, algorithm: string): KeyObject[] | null {
    const named = kid === '' ? this.keys : this.keys.filter(({ key }) => key.kid === kid || key.kid === '');
    if (named.length === 0) return null;
    const fitting = named.filter(({ key }) => fits(key, algorithm));
    return fitting.slice(0, MAX_TRIED).map(({ object }) => object);
  }
}

type Held = {
  readonly text: string;
  readonly ring: KeyRing /** Another number whenever its keys change. */;
  readonly version: number;
};

export class KeySets {
  private readonly report: (message: FromWorker) => void;
  private readonly held = new Map<string, Held>();
  private readonly askedAt = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();
  private waiters = 0;
  private versions = 0;

  constructor(sets: readonly KeySet[], report: (message: FromWorker) => void) {
    this.report = report;
    this.apply(sets, []);
  }

  apply(changed: readonly KeySet[], removed: readonly string[]): void {
    for (const { url, keys } of changed) {
      const text = JSON.stringify(keys);
      if (this.held.get(url)?.text !== text) {
        this.held.set(url, { text, ring: new KeyRing(keys), version: ++this.versions });
      }
      this.answered(url);
    }
    for (const url of removed) {
      this.held.delete(url);
      this.askedAt.delete(url);
      this.answered(url);
    }
  }

  /** null until it was fetched for the first time. */
  ring(url: string): KeyRing | null {
    return this.held.get(url)?.ring ?? null;
  }

  /** Another number when the keys are others; 0 for a URL without any. */
  version(url: string): number {
    return this.held.get(url)?.version ?? 0;
  }

  /** Would it be fetched again for a key that it lacks? */
  mayAsk(url: string): boolean {
    return this.waiting.has(url) || monotonicMs() - (this.askedAt.get(url) ?? Number.NEGATIVE_INFINITY) >= ASK_MS;
  }

  /** The set lacks a key. True: `done` is called when it was fetched again; false: it was, not long ago. */
  ask(url: string, done: () => void): boolean {
    if (this.waiters >= MAX_WAITING) return false;
    const under = this.waiting.get(url);
    if (under !== undefined) under.push(done);
    else {
      if (!this.mayAsk(url)) return false;
      this.askedAt.set(url, monotonicMs());
      this.waiting.set(url, [done]);
      this.report({ kind: 'wantKeySet', url });
    }
    this.waiters++;
    return true;
  }

  private answered(url: string): void {
    const under = this.waiting.get(url);
    if (under === undefined) return;
    this.waiting.delete(url);
    this.waiters -= under.length;
    for (const done of under) done();
  }
}
