/**
 * The fields of a request as text: a line for each, `name: value\r\n`, with its name in lower case.
 */
import { collectValues, type Names, withoutFields } from './fields.ts';
import { AnySpelling } from './forwarding.ts';
import { bitOf, bitsOf } from './name-bits.ts';

/** Nothing is there of that name. */
const NONE: readonly string[] = Object.freeze([]);

export class FieldLines {
  /** Behind `fields`. */
  protected lines = '';
  /** As `lines`, of those that are not forwarded as they stand: only for `values`. */
  protected withheld = '';
  /** Names that may be among both (name-bits.ts). What none of them can be is neither searched for nor taken off. */
  protected names = 0;
  /** Counts what was done to `fields` that may have made others of them, since all had been read. */
  changes = 0;

  /** There are none. */
  protected clear(): void {
    this.lines = '';
    this.withheld = '';
    this.names = 0;
    this.changes = 0;
  }

  /** `name: value\r\n` of everything that is forwarded as it stands. */
  get fields(): string {
    return this.lines;
  }

  /** Those that are not. */
  get withheldFields(): string {
    return this.withheld;
  }

  /** Of the names of all. */
  get nameBits(): number {
    return this.names;
  }

  /** Adds such lines, with lower-case names. `names`: at least theirs (name-bits.ts). */
  addLines(lines: string, names = bitsOf(lines)): void {
    this.names |= names;
    this.changes++;
    this.lines += lines;
  }

  /** False: there is no field whose name has that bit (name-bits.ts). */
  mayHave(bit: number): boolean {
    return (this.names & bit) !== 0;
  }

  /** Takes all fields of that lower-case name off, and gives their values. Not for framing, forwarding or hop-by-hop fields. */
  take(name: string): readonly string[] {
    const { lines } = this;
    const start = `${name}: `;
    const from = lines.startsWith(start) ? 0 : lines.indexOf(`\n${start}`) + 1;
    if (from === 0 && !lines.startsWith(start)) return NONE;
    const end = lines.indexOf('\r\n', from);
    const value = lines.slice(from + start.length, end);
    this.changes++;
    const values = [value];
    this.lines = lines.slice(0, from) + lines.slice(end + 2);
    // Nearly always that was the only one.
    if (!lines.includes(`\n${start}`, end)) return values;
    collectValues(this.lines, name, values);
    this.lines = withoutFields(this.lines, new Set([name]));
    return values;
  }

  /** All values of a field as received; `name` is in lower case. `Host` is no field here. */
  values(name: string): readonly string[] {
    if ((this.names & bitOf(name)) === 0) return NONE;
    const found: string[] = [];
    collectValues(this.lines, name, found);
    if (this.withheld !== '') collectValues(this.withheld, name, found);
    return found;
  }

  /** In the place of all fields of that lower-case name; '' takes it off. So are names that some servers take for it. */
  setField(name: string, value: string): void {
    const bit = bitOf(name);
    if ((this.names & bit) !== 0) this.takeOff(new AnySpelling(name));
    if (value === '') return;
    this.names |= bit;
    this.changes++;
    this.lines += `${name}: ${value}\r\n`;
  }

  /** Takes fields off, in whichever case the client may have sent them, and puts lines of ours in their place. */
  replaceFields(names: Names, lines: string): void {
    this.takeOff(names);
    this.addLines(lines);
  }

  protected takeOff(names: Names): void {
    this.changes++;
    this.lines = withoutFields(this.lines, names);
    this.withheld = withoutFields(this.withheld, names);
  }
}
