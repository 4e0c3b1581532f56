/** Tokens that a worker has verified, by their SHA-256, so that a signature is computed once for each. */
import { hash } from 'node:crypto';
import { Remembered } from './remembered.ts';

/** Of one without any text. */
const COST = 256;

/** What a good token means to its frontend. */
export type Verified = {
  /** Unix seconds: it is not remembered for longer. */
  readonly until: number;
  /** Of the keys that have verified it: src/data/auth/key-sets.ts */
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
  private readonly kept = new Remembered<Verified>(costOf);

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
    this.kept.set(key, verified);
  }
}
