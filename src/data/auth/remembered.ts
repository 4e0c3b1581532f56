/** What a worker remembers, by a text. Bounded in number and in what it holds; the oldest go first. */

const MAX_KEPT = 10_000;
/** Characters of all texts. */
const MAX_HELD = 16_777_216;

export class Remembered<Value> {
  /** The oldest are first. */
  private readonly kept = new Map<string, Value>();
  private readonly costOf: (value: Value) => number;
  private held = 0;

  /** `costOf`: characters that a value holds, and something for itself. */
  constructor(costOf: (value: Value) => number) {
    this.costOf = costOf;
  }

  get(key: string): Value | undefined {
    return this.kept.get(key);
  }

  set(key: string, value: Value): void {
    this.forget(key);
    this.kept.set(key, value);
    this.held += this.costOf(value);
    while (this.kept.size > MAX_KEPT || this.held > MAX_HELD) this.forget(this.kept.keys().next().value!);
  }

  private forget(key: string): void {
    const value = this.kept.get(key);
    if (value === undefined) return;
    this.kept.delete(key);
    this.held -= this.costOf(value);
  }
}
