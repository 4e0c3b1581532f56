/** A base, as whoever writes an overlay of it looks at it: nothing of it is kept but its bytes. */
import { backendNamed, frontendNamed } from './names.ts';
import { TableSections } from './sections.ts';

/** What stands before what in global order. */
export type Ranked = { readonly name: string; readonly rank: number };

export function compareRanked(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

export class BaseTable {
  readonly sections: TableSections;
  readonly frontendCount: number;

  /** Throws TsujiError TABLE_CORRUPT when the buffer is no table of this format. */
  constructor(buffer: SharedArrayBuffer) {
    this.sections = new TableSections(buffer);
    this.frontendCount = this.sections.frontendCount;
  }

  get generation(): number {
    return this.sections.generation;
  }

  /** -1 for none. */
  frontend(name: string): number {
    return frontendNamed(this.sections, name);
  }

  /** -1 for none. */
  backend(name: string): number {
    return backendNamed(this.sections, name);
  }

  /** How many of its frontends stand before that one. */
  placeOf(frontend: Ranked): number {
    let low = 0;
    let high = this.frontendCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.isBefore(middle, frontend)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private isBefore(index: number, { name, rank }: Ranked): boolean {
    const own = this.sections.rankOf(index);
    return own === rank ? this.sections.frontendName(index) < name : own > rank;
  }
}
