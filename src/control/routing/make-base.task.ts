/** Makes whole bases: runs in a piscina thread, which ends when there are none to be made for a while, and all it held with it. */
import { TableBuilder } from '../../table/builder.ts';
import type { TableChange, Tables } from '../../table/input.ts';
import { mergeTables } from '../../table/merge.ts';
import { builtTables, type Refused } from '../../table/salvage.ts';
import { validateTable } from '../../table/validate.ts';

/** A step that is larger than others comes in pieces, one after the other; `tables`: what it starts from, null for nothing. */
export type BasePiece = {
  readonly tables: Tables | null;
  /** `TableChange` as JSON: that takes half as long as to clone very many small objects. */
  readonly change: string;
  /** 0, 1, … */
  readonly piece: number;
  readonly isLast: boolean;
};

export type MadeBase = {
  readonly base: SharedArrayBuffer;
  /** Left out of it. */
  readonly refused: readonly Refused[];
};

let builder: TableBuilder | null = null;
let next = 0;

/** What the thread is asked: `Tables` become one base; with null it only has to be there. */
export type BaseTask = Tables | BasePiece | null;

/** null: the next piece is awaited. */
export default function makeBase(task: BaseTask): MadeBase | null {
  if (task === null) return null;
  if (!('piece' in task)) return { base: checked(mergeTables(task)), refused: [] };
  const { tables, piece, isLast } = task;
  const change = JSON.parse(task.change) as TableChange;
  if (piece === 0) {
    builder = new TableBuilder(tables === null ? null : mergeTables(tables));
    next = 0;
  }
  if (builder === null || piece !== next) throw new Error('the thread that had the pieces before this one has ended');
  next++;
  if (!isLast) {
    builder.take(change);
    return null;
  }
  const whole = builder;
  builder = null;
  const built = builtTables(whole, change);
  const base = mergeTables(built.tables);
  return { base: built.tables.overlay === null ? base : checked(base), refused: built.refused };
}

function checked(base: SharedArrayBuffer): SharedArrayBuffer {
  validateTable(base);
  return base;
}
