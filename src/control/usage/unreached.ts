/** Backends to which no frontend leads: not by itself, nor by its options, nor by the options of a backend that it leads to. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { backendsOf } from '../../middlewares/kinds.ts';
import type { Backend, Model } from '../../model/model.ts';

const SLICE = 1_000;

export async function unreachedBackends({
  frontends,
  backends,
}: Pick<Model, 'frontends' | 'backends'>): Promise<Backend[]> {
  const reached = new Set<string>();
  let looked = 0;
  for (const { backend, options } of frontends.values()) {
    if (++looked % SLICE === 0) await nextTurn();
    reached.add(backend);
    for (const name of backendsOf(options)) reached.add(name);
  }
  // What is added on the way is visited as well.
  for (const name of reached) {
    const { options } = backends.get(name) ?? {};
    if (options !== undefined) for (const other of backendsOf(options)) reached.add(other);
  }
  return [...backends.values()].filter(({ name }) => !reached.has(name));
}
