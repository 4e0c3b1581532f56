/** Tells a trouble from others, so that each is told once. */
import { shortened } from '../kernel/quote.ts';

/** So much of it does. */
const LONGEST_REASON = 1_000;

/** The same for two texts that differ only in an address, a time or a count. */
export function kindOf(reason: string): string {
  // Word by word and not too long: a store, which may say what it likes, costs no more than the length of it.
  const words = shortened(reason, LONGEST_REASON).replace(/\S+/g, (word) => (/.:\d/.test(word) ? '#' : word));
  return words.replace(/\d+/g, '#');
}
