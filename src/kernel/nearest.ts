/** "Did you mean …?": the known name that is closest to a mistyped one. */

/** Names from a key may be huge, and nothing known is longer than this. */
const LONGEST = 100;

// Every unknown key is compared with several names, and there may be very many.
let row = new Float64Array(LONGEST + 1);
let next = new Float64Array(LONGEST + 1);

/** Edits (insert, delete, replace one character; case counts half) from one name to the other; Infinity beyond `most`. */
function distance(from: string, to: string, most: number): number {
  for (let j = 0; j <= to.length; j++) row[j] = j;
  const [lowerFrom, lowerTo] = [from.toLowerCase(), to.toLowerCase()];
  for (let i = 1; i <= from.length; i++) {
    next[0] = i;
    let least = i;
    for (let j = 1; j <= to.length; j++) {
      const isSame = from.charCodeAt(i - 1) === to.charCodeAt(j - 1);
      const replace = isSame ? 0 : lowerFrom[i - 1] === lowerTo[j - 1] ? 0.5 : 1;
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + replace);
      if (next[j] < least) least = next[j];
    }
    if (least > most) return Infinity;
    [row, next] = [next, row];
  }
  return row[to.length];
}

/** The nearest of `known`, the first one of equals; null when none is near enough to be worth naming. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  if (name.length > LONGEST) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, name.length / 2);
  for (const candidate of known) {
    if (candidate.length > LONGEST || Math.abs(candidate.length - name.length) > bestDistance) continue;
    const edits = distance(name, candidate, bestDistance);
    if (edits < bestDistance || (best === null && edits === bestDistance)) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
