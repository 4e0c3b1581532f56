/**
 * Readers of single values, exactly as strict as Traefik 1.x: no trimming, no units, and an empty value means the
 * default. Source: shared/spec kv-schema §2.
 */
import { quoted } from './quote.ts';

export type Reading<T> = {
  readonly value: T;
  /** Why the default stands in for what was written; '' when all is well. */
  readonly problem: string;
};

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

/** @param instead what is done when it is no boolean */
export function readBool(text: string, fallback: boolean, instead = `${fallback} is used`): Reading<boolean> {
  if (text === '') return { value: fallback, problem: '' };
  const value = BOOLEANS.get(text);
  if (value !== undefined) return { value, problem: '' };
  return { value: fallback, problem: `${quoted(text)} is neither true nor false; ${instead}` };
}

/**
 * 64-bit like the original; beyond 2^53 the nearest number that JavaScript has.
 * @param instead what is done when it is no such number
 */
export function readInt(text: string, fallback: number, instead = `${fallback} is used`): Reading<number> {
  if (text === '') return { value: fallback, problem: '' };
  if (!/^[+-]?[0-9]+$/.test(text)) {
    return { value: fallback, problem: `${quoted(text)} is not a whole number; ${instead}` };
  }
  // A longer text is out of range even with leading zeros in any sane number, and BigInt of megabytes is slow.
  const exact = text.length <= 40 ? BigInt(text.startsWith('+') ? text.slice(1) : text) : null;
  if (exact === null || BigInt.asIntN(64, exact) !== exact) {
    return { value: fallback, problem: `${quoted(text)} does not fit into 64 bits; ${instead}` };
  }
  return { value: Number(exact), problem: '' };
}

const NONE: readonly string[] = [];

/**
 * A list is one value with commas or one child key per item; the first wins if it has any item. Children are taken
 * in order of their names (`0`, `1`, `10`, `2`) and neither split nor trimmed.
 *
 * @param leaf value of the key itself, '' when it has none
 * @param children child name → value
 */
export function readList(leaf: string, children: ReadonlyMap<string, string>): readonly string[] {
  if (leaf === '' && children.size === 0) return NONE;
  const items = leaf
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length > 0) return items;
  return [...children.keys()]
    .sort()
    .map((name) => children.get(name)!)
    .filter((item) => item !== '');
}
