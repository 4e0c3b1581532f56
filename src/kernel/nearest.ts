/** "Did you mean …?": the known name that is closest to a mistyped one. */

/** Edits (insert, delete, replace one character; case counts half) from one name to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const a = from[i - 1];
      const b = to[j - 1];
      const replace = a === b ? 0 : a.toLowerCase() === b.toLowerCase() ? 0.5 : 1;
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + replace));
    }
    row = next;
  }
  return row[to.length];
}

/** The nearest of `known`, the first one of equals; null when none is near enough to be worth naming. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  // Names from a key may be huge, and nothing known is longer than this.
  if (name.length > 100) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, name.length / 2);
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > bestDistance) continue;
    const edits = distance(name, candidate);
    if (edits < bestDistance || (best === null && edits === bestDistance)) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
