/** A whole table of resolved input. */
import type { TableInput } from './input.ts';
import { Written } from './written.ts';

/** Throws TsujiError TABLE_TOO_LARGE beyond 2 GiB. */
export function writeTable(input: TableInput): SharedArrayBuffer {
  const written = new Written(null);
  written.putBackends(input.backends, input.generation);
  for (const { otherBackends = [], backend, ...frontend } of input.frontends) {
    written.putFrontend(frontend, backend, otherBackends, input.generation);
  }
  return written.table(input.generation);
}
