/** The compiler's task: runs in a piscina thread, so that a large table never holds up the main thread. */
import type { TableChange } from '../table/input.ts';
import { type BuiltTable, withoutGuilty } from '../table/salvage.ts';
import { validateTable } from '../table/validate.ts';
import { TableBuilder } from '../table/writer.ts';

/** Of this thread: there is one, and one that takes its place knows nothing. */
const builder = new TableBuilder();

function built(change: TableChange): SharedArrayBuffer | null {
  const table = builder.apply(change);
  if (table !== null) validateTable(table);
  return table;
}

/** null: this thread does not know the table that the change starts from. */
export default function compileTable(change: TableChange): BuiltTable | null {
  try {
    const table = built(change);
    return table === null ? null : { table, refused: [] };
  } catch (error) {
    const rest = withoutGuilty(builder.all(change.generation), change, error);
    return { table: built(rest.change)!, refused: rest.refused };
  }
}
