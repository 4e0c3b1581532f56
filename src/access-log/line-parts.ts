/**
 * Parts of a line of JSON that are the same for many exchanges: a part has all fields that some values of an entry decide. It
 * is made when those values are first seen, as bytes, one run for each place in the line where fields of it stand together.
 */

import { owned } from '../kernel/owned-text.ts';
import { Entry } from './entry.ts';
import { Known, RECENT_PLACES, recentOf } from './known.ts';
import { Runs } from './line-bytes.ts';

/** What of an entry decides. */
export type Deciding = {
  /** Differs for nearly all that differ. */
  readonly key: (entry: Entry) => string | number;
  readonly values: readonly (keyof Entry)[];
  /** They have all those values in common. */
  readonly isSame: (one: Entry, other: Entry) => boolean;
};

/** The text of some of its fields, quotes and commas and all. */
type Text = (entry: Entry) => string;
type Made = { readonly of: Entry; readonly runs: Runs };

/** Bytes of its runs. */
const MOST_KEPT = 4_096;
/** With one key. */
const MOST_ALIKE = 16;
const NONE = new Runs([]);

export class LinePart {
  /** Of the line that is being made. */
  runs = NONE;
  private readonly deciding: Deciding;
  private readonly texts: Text[] = [];
  /** Of those with one key, where there are too many. */
  private oldest = 0;
  private readonly known = new Known<Made[]>();
  /** Whose runs they are, where they are kept. */
  private last: Made | null = null;
  /** What lines had last, by their place: those that go to one server are often alike. */
  private readonly recent: (Made | null)[] = new Array<null>(RECENT_PLACES).fill(null);
  private round = 0;

  constructor(deciding: Deciding) {
    this.deciding = deciding;
  }

  /** One more run; returns its index. */
  add(text: Text): number {
    return this.texts.push(text) - 1;
  }

  /** Its runs will come again. */
  get isKept(): boolean {
    return this.last !== null;
  }

  /** An entry is to be written. False: what it has is that of the entry before, in that `round` (line-composer.ts). */
  begin(entry: Entry, round: number): boolean {
    const { known, deciding, recent } = this;
    const at = recentOf(entry.place);
    const last = recent[at];
    if (last !== null && deciding.isSame(last.of, entry)) {
      if (last === this.last && round === this.round) return false;
      this.use(last, round);
      return true;
    }
    const key = deciding.key(entry);
    const alike = known.find(key);
    if (alike !== undefined) {
      for (let i = 0; i < alike.length; i++) {
        if (!deciding.isSame(alike[i].of, entry)) continue;
        recent[at] = alike[i];
        this.use(alike[i], round);
        return true;
      }
    }
    this.last = null;
    this.runs = new Runs(this.texts.map((text) => text(entry)));
    if (!known.wants() || this.runs.size > MOST_KEPT) return true;
    const made = { of: Object.assign(new Entry(), this.valuesOf(entry)), runs: this.runs };
    if (alike === undefined) known.keep(key, [made]);
    else alike[alike.length < MOST_ALIKE ? alike.length : this.oldest++ % MOST_ALIKE] = made;
    return true;
  }

  private use(made: Made, round: number): void {
    this.last = made;
    this.runs = made.runs;
    this.round = round;
  }

  private valuesOf(entry: Entry): Partial<Entry> {
    const values = this.deciding.values.map((name) => {
      const value = entry[name];
      return [name, typeof value === 'string' ? owned(value) : value] as const;
    });
    return Object.fromEntries(values);
  }
}
