/**
 * Tokens that a worker has verified, by their SHA-256, so that a signature is computed once for each. Bounded in number and in
 * what they hold; the oldest go first.
 */
import { hash } from 'node:crypto';

const MAX_KEPT = 10_000;
/** Of texts that they hold, characters. */
const MAX_HELD = 16_777_216;
/** Of one without any text. */
const COST = 256;

/** What a good token means to its frontend. */
export type Verified = {
  /** Unix seconds: it is not remembered for longer. */
  readonly until: number;
  /** Of the keys that have verified it: src/data/key-sets.ts */
  readonly version: number;
  /** Its claims are those that the frontend asks for. */
  readonly isAllowed: boolean;
  /** Lower-case names of fields of the request, and what they are told. */
  readonly fields: readonly (readonly [name: string, value: string])[];
};

function costOf({ fields }: Verified): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, COST);
}

export class VerifiedTokens {
  /** The oldest are first. */
  private readonly kept = new Map<string, Verified>();
  private held = 0;

  /** Stands for that token under those options, of which `scope` is another text when they are others. */
  static key(scope: string, token: string): string {
    return scope + hash('sha256', token, 'base64');
  }

  /** `now`: Unix seconds. */
  find(key: string, version: number, now: number): Verified | null {
    const verified = this.kept.get(key);
    return verified !== undefined && verified.version === version && now < verified.until ? verified : null;
  }

  remember(key: string, verified: Verified): void {
    this.forget(key);
    this.kept.set(key, verified);
    this.held += costOf(verified);
    while (this.kept.size > MAX_KEPT || this.held > MAX_HELD) this.forget(this.kept.keys().next().value!);
  }

  private forget(key: string): void {
    const verified = this.kept.get(key);
    if (verified === undefined) return;
    this.kept.delete(key);
    this.held -= costOf(verified);
  }
}
