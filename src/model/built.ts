/** What was made of the keys of one object. */
import type { Problem } from '../kernel/problems.ts';

export type Built<Value> = {
  /** null: the object is left out. */
  readonly value: Value | null;
  readonly problems: readonly Problem[];
};
