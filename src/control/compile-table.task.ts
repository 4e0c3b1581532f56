/** The compiler's task: runs in a piscina thread, so that a large table never holds up the main thread. */
import type { TableChange } from '../table/input.ts';
import { validateTable } from '../table/validate.ts';
import { TableBuilder } from '../table/writer.ts';

/** Of this thread: there is one, and one that takes its place knows nothing. */
const builder = new TableBuilder();

/** null: this thread does not know the table that the change starts from. */
export default function compileTable(change: TableChange): SharedArrayBuffer | null {
  const table = builder.apply(change);
  if (table !== null) validateTable(table);
  return table;
}
