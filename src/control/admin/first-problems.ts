/** Of very many problems the ones that a page shows. */
import type { Problem } from '../../kernel/problems.ts';

/** The worst first. */
const ORDER: Readonly<Record<Problem['state'], number>> = { rejected: 0, defaulted: 1, warned: 2, ignored: 3 };

function compare(one: Problem, other: Problem): number {
  return ORDER[one.state] - ORDER[other.state] || (one.key < other.key ? -1 : 1);
}

/** `most` of them, the worst and of these the first by key; all in the order of keys. */
export function firstProblems(problems: Iterable<Problem>, most: number): Problem[] {
  let first: Problem[] = [];
  // Sorted now and then only, so that all cost about one comparison each.
  const tidy = () => {
    first = first.sort(compare).slice(0, most);
  };
  let last: Problem | undefined;
  for (const problem of problems) {
    if (last !== undefined && compare(problem, last) > 0) continue;
    first.push(problem);
    if (first.length < 2 * most) continue;
    tidy();
    last = first.at(-1);
  }
  tidy();
  return first.sort((one, other) => (one.key < other.key ? -1 : 1));
}
