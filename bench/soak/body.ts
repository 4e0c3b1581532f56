/**
 * Bodies that tell where each of their bytes belongs: a window into one long pseudo-random sequence, so that a byte
 * that is lost, doubled, changed or from another exchange is found, and nobody has to keep a copy.
 */

/** A prime, so that no piece size of anybody divides it. */
const SEQUENCE_BYTES = 1_048_583;

/** xorshift32 (Marsaglia 2003), from a fixed start: the same sequence in every process. */
function makeSequence(): Buffer {
  const bytes = Buffer.allocUnsafe(SEQUENCE_BYTES);
  let state = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

const SEQUENCE = makeSequence();

export type BodyPlan = {
  /** Where in the sequence the body begins: any whole number from 0. */
  readonly seed: number;
  /** Bytes. */
  readonly length: number;
};

/** The bytes of a body from `offset` on, `most` of them or fewer; never empty before its end. */
export function pieceOf(plan: BodyPlan, offset: number, most: number): Buffer {
  const start = (plan.seed + offset) % SEQUENCE_BYTES;
  const length = Math.min(most, plan.length - offset, SEQUENCE_BYTES - start);
  return SEQUENCE.subarray(start, start + length);
}

/** Compares a body with its plan while it comes. */
export class BodyCheck {
  readonly #plan: BodyPlan;
  #received = 0;
  #problem = '';

  constructor(plan: BodyPlan) {
    this.#plan = plan;
  }

  /** Bytes that have come, right or wrong. */
  get received(): number {
    return this.#received;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.#problem === ''; ) {
      const offset = this.#received + at;
      const expected = pieceOf(this.#plan, offset, chunk.length - at);
      if (expected.length === 0) this.#problem = `longer than ${this.#plan.length} bytes`;
      else if (expected.compare(chunk, at, at + expected.length) !== 0) {
        this.#problem = `wrong between bytes ${offset} and ${offset + expected.length} of ${this.#plan.length}`;
      }
      at += expected.length;
    }
    this.#received += chunk.length;
  }

  /** The body is over: '' when it was the right one, else what was wrong with it. */
  verdict(): string {
    if (this.#problem === '' && this.#received < this.#plan.length) {
      return `ended after ${this.#received} of ${this.#plan.length} bytes`;
    }
    return this.#problem;
  }
}

/** `seed` and `length` of a request target; both 0 where it has none. */
export function planFromTarget(target: string): BodyPlan {
  const query = new URL(target, 'http://soak').searchParams;
  return { seed: Number(query.get('seed') ?? 0), length: Number(query.get('length') ?? 0) };
}
