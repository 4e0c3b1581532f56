/** A share of a whole, as a flag or a key has it: `50%`. */

/** From 0 to 1; null for what is none. */
export function parseShare(text: string): number | null {
  const digits = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text.trim())?.[1];
  if (digits === undefined) return null;
  const share = Number(digits) / 100;
  return share <= 1 ? share : null;
}
