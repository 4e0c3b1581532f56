/**
 * Interleaved weighted round robin, laid out as one full cycle of turns (shared/spec kv-schema §4.1).
 *
 * The classic algorithm walks a threshold from the highest weight down to the greatest common divisor, in steps of that
 * divisor, and in each round serves every server whose weight reaches the threshold: weights 3, 1 give A A A B. A cycle
 * is therefore sum / divisor turns long, and taking turn n modulo that length is the same as running the algorithm.
 */

/** Longest cycle, unless there are more than a quarter as many servers. */
export const MAX_TURNS = 65_536;

export function greatestCommonDivisor(a: number, b: number): number {
  let [larger, smaller] = [a, b];
  while (smaller > 0) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}

/**
 * The weights that the cycle is made of: divided by their greatest common divisor or, where that cycle is too long,
 * scaled down. With n servers of weight > 0 and a limit of L = max(65 536, 4 n) turns, the share of each server then
 * differs from the configured one by less than (n + 1) / (L − 2 n): 0.005 % for two servers, 0.16 % for a hundred.
 */
export function cycleWeights(weights: readonly number[]): number[] {
  let divisor = 0;
  let sum = 0;
  let positive = 0;
  for (const weight of weights) {
    if (weight <= 0) continue;
    divisor = greatestCommonDivisor(weight, divisor);
    sum += weight;
    positive += 1;
  }
  if (positive === 0) return weights.map(() => 0);
  const limit = Math.max(MAX_TURNS, 4 * positive);
  if (sum / divisor <= limit) return weights.map((weight) => (weight <= 0 ? 0 : weight / divisor));
  const scale = (limit - positive) / sum;
  return weights.map((weight) => (weight <= 0 ? 0 : Math.max(1, Math.floor(weight * scale))));
}

/** The servers of one cycle, turn by turn, as indexes into `weights`. Empty when no weight is above 0. */
export function scheduleOf(weights: readonly number[]): Int32Array {
  const cycle = cycleWeights(weights);
  let length = 0;
  let highest = 0;
  for (const weight of cycle) {
    length += weight;
    if (weight > highest) highest = weight;
  }
  const turns = new Int32Array(length);
  if (highest === 1 && length === cycle.length) {
    // Equal weights, the common case: one round.
    for (let server = 0; server < length; server++) turns[server] = server;
    return turns;
  }
  const byWeight = cycle.map((_, index) => index).filter((index) => cycle[index] > 0);
  byWeight.sort((a, b) => cycle[b] - cycle[a]);

  // The servers that have reached the threshold, by index: they change at most once per distinct weight, so the whole
  // takes as long as its result, where the classic loop also looks at every server that has to wait.
  let reached: number[] = [];
  let next = 0;
  let turn = 0;
  for (let threshold = highest; threshold >= 1; threshold--) {
    const before = next;
    while (next < byWeight.length && cycle[byWeight[next]] >= threshold) next += 1;
    if (next > before) reached = byWeight.slice(0, next).sort((a, b) => a - b);
    for (const server of reached) turns[turn++] = server;
  }
  return turns;
}
