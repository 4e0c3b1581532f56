/**
 * Parts of a line of JSON that are the same for many exchanges: a part has all fields that some values of an entry decide. It
 * is made when those values are first seen, as bytes, one run for each place in the line where fields of it stand together.
 */
import { Entry } from './entry.ts';
import { Known, owned } from './known.ts';
import { Constant } from './line-bytes.ts';

/** What of an entry decides. */
export type Deciding = {
  /** Differs for nearly all that differ. */
  readonly key: (entry: Entry) => string;
  readonly values: readonly (keyof Entry)[];
  /** They have all those values in common. */
  readonly isSame: (one: Entry, other: Entry) => boolean;
};

/** The text of some of its fields, quotes and commas and all. */
type Text = (entry: Entry) => string;
type Made = { readonly of: Entry; readonly runs: readonly Constant[] };

/** In all its runs. */
const MOST_KEPT = 4_096;
/** With one key. */
const MOST_ALIKE = 16;

export class LinePart {
  /** Of the line that is being made. */
  runs: readonly Constant[] = [];
  private readonly deciding: Deciding;
  private readonly texts: Text[] = [];
  /** Of those with one key, where there are too many. */
  private oldest = 0;
  private readonly known = new Known<Made[]>();
  /** Whose runs they are, where they are kept: lines that follow each other are often alike. */
  private last: Made | null = null;

  constructor(deciding: Deciding) {
    this.deciding = deciding;
  }

  /** One more run; returns its index. */
  add(text: Text): number {
    return this.texts.push(text) - 1;
  }

  /** An entry is to be written. */
  begin(entry: Entry): void {
    const { known, deciding, last } = this;
    if (last !== null && deciding.isSame(last.of, entry)) return;
    const key = deciding.key(entry);
    const alike = known.find(key);
    if (alike !== undefined) {
      for (let i = 0; i < alike.length; i++) {
        if (!deciding.isSame(alike[i].of, entry)) continue;
        this.last = alike[i];
        this.runs = alike[i].runs;
        return;
      }
    }
    this.last = null;
    this.runs = this.texts.map((text) => new Constant(text(entry)));
    if (!known.wants() || this.runs.reduce((sum, { length }) => sum + length, 0) > MOST_KEPT) return;
    const made = { of: Object.assign(new Entry(), this.valuesOf(entry)), runs: this.runs };
    if (alike === undefined) known.keep(key, [made]);
    else alike[alike.length < MOST_ALIKE ? alike.length : this.oldest++ % MOST_ALIKE] = made;
  }

  private valuesOf(entry: Entry): Partial<Entry> {
    const values = this.deciding.values.map((name) => {
      const value = entry[name];
      return [name, typeof value === 'string' ? owned(value) : value] as const;
    });
    return Object.fromEntries(values);
  }
}
