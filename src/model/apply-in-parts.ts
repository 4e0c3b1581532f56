/** Very many changes of keys, filed bit by bit. */
import type { Steps } from '../kernel/steps.ts';
import type { Change, KvTree, Touched } from './kv-tree.ts';

/** Changes that are filed in one step. */
const PART = 256;

/** What all of them have really changed. */
export function* applyInParts(tree: KvTree, changes: Iterable<Change>): Steps<Touched> {
  const touched = tree.apply([]);
  let part: Change[] = [];
  const applyPart = (): void => {
    const more = tree.apply(part);
    for (const kind of ['backends', 'frontends', 'certificates', 'others'] as const) {
      for (const name of more[kind]) touched[kind].add(name);
    }
    part = [];
  };
  for (const change of changes) {
    part.push(change);
    if (part.length < PART) continue;
    applyPart();
    yield;
  }
  applyPart();
  return touched;
}
