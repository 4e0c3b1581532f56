/** Objects that were accepted and cannot be served after all: they are left out until their keys change. */
import type { Touched } from './kv-tree.ts';

export type Refusal = {
  readonly kind: 'backends' | 'frontends';
  readonly name: string;
  readonly reason: string;
};

export class Refusals {
  /** Object (`backends/b`, `frontends/f`) → why it is left out. */
  readonly #reasons = new Map<string, string>();
  readonly #newlyRefused: Refusal[] = [];

  add(refusals: readonly Refusal[]): void {
    this.#newlyRefused.push(...refusals);
  }

  /** Why that object is left out; undefined: it is not. */
  reasonOf(kind: string, name: string): string | undefined {
    return this.#reasons.get(`${kind}/${name}`);
  }

  /** `touched` have changed, which is a new chance for each; what was refused since the last time comes to them. */
  settle(touched: Touched): void {
    for (const kind of ['backends', 'frontends'] as const) {
      if (this.#reasons.size > 0) for (const name of touched[kind]) this.#reasons.delete(`${kind}/${name}`);
    }
    for (const { kind, name, reason } of this.#newlyRefused.splice(0)) {
      // It has changed while the table was made that it could not be in.
      if (touched[kind].has(name)) continue;
      this.#reasons.set(`${kind}/${name}`, `it cannot be served: ${reason}`);
      touched[kind].add(name);
    }
  }
}
