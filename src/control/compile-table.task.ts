/** The compiler's task: runs in a piscina thread, so that a large table never holds up the main thread. */
import type { TableInput } from '../table/input.ts';
import { validateTable } from '../table/validate.ts';
import { writeTable } from '../table/writer.ts';

export default function compileTable(input: TableInput): SharedArrayBuffer {
  const table = writeTable(input);
  validateTable(table);
  return table;
}
