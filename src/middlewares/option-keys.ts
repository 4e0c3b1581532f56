/**
 * The keys that one kind of middleware has in one object, read as Traefik 1.x reads them (shared/spec kv-schema §2). What
 * cannot be used becomes a problem of its key; whoever reads says what that means for the object.
 */
import { parseDuration } from '../kernel/durations.ts';
import type { KeyTable } from '../kernel/key-table.ts';
import { NO_OPEN_DOOR, type ProblemList } from '../kernel/problems.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readBool, readInt, readList } from '../kernel/values.ts';

export class OptionKeys {
  readonly #values: ReadonlyMap<string, string>;
  readonly #problems: ProblemList;
  readonly #protects: readonly string[];
  #isRejected = false;

  /**
   * @param values key below the object → value, as it stands in the store
   * @param protects as `Kind.protects`
   */
  constructor(values: ReadonlyMap<string, string>, problems: ProblemList, protects: readonly string[] = []) {
    this.#values = values;
    this.#problems = problems;
    this.#protects = protects;
  }

  /** Must the object be left out because of any of them? */
  get isRejected(): boolean {
    return this.#isRejected;
  }

  /** All that are there. */
  get written(): Iterable<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** '' for a key that is not there. */
  text(key: string): string {
    return unescapeValue(this.#values.get(key) ?? '');
  }

  flag(key: string, fallback = false): boolean {
    const { value, problem } = readBool(this.#values.get(key) ?? '', fallback, this.#instead(key, fallback));
    if (problem !== '') this.#misread(key, problem);
    return value;
  }

  /** 64 bits, as far as a number has them. */
  int(key: string, fallback: number): number {
    const { value, problem } = readInt(this.#values.get(key) ?? '', fallback, this.#instead(key, fallback));
    if (problem !== '') this.#misread(key, problem);
    return value;
  }

  /** Milliseconds; null when it is no duration. */
  duration(key: string, fallbackMs: number): number | null {
    const text = this.text(key);
    return text === '' ? fallbackMs : parseDuration(text);
  }

  /** One value with commas, or a key per item below it. */
  list(key: string): readonly string[] {
    const items = new Map<string, string>();
    for (const [name, value] of this.#below(key)) if (!name.includes('/')) items.set(name, unescapeValue(value));
    return readList(this.text(key), items);
  }

  /** The same of what protects: one that is there and names nothing must not mean that nothing is asked for. */
  filledList(key: string): readonly string[] {
    const items = this.list(key);
    if (items.length === 0 && (this.has(key) || this.names(key).length > 0)) this.rejected(key, 'it names nothing');
    return items;
  }

  /** Name of the child → its value, in order of name. */
  map(key: string): ReadonlyMap<string, string> {
    const found = this.#below(key)
      .filter(([name]) => !name.includes('/'))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(found.map(([name, value]) => [name, unescapeValue(value)]));
  }

  /** Names that stand below `key`, in order: `errors` → each page of `errors/PAGE/…`. */
  names(key: string): readonly string[] {
    return [...new Set(this.#below(key).map(([name]) => name.split('/', 1)[0]))].sort();
  }

  /** Rejects each key that no pattern of `table` has. */
  rejectOthers(table: KeyTable<unknown>): void {
    for (const key of this.#values.keys()) {
      const match = table.find(key);
      if (match.kind !== 'unknown') continue;
      this.#problems.addUnused(key, match, true);
      this.#isRejected = true;
    }
  }

  /** The object is left out. */
  rejected(key: string, reason: string): void {
    this.#isRejected = true;
    this.#problems.add(key, 'rejected', reason);
  }

  /** The default is used in its place. */
  defaulted(key: string, reason: string): void {
    this.#problems.add(key, 'defaulted', reason);
  }

  /** It is obeyed, but not as it should be. */
  warned(key: string, reason: string): void {
    this.#problems.add(key, 'warned', reason);
  }

  /** The key means nothing. */
  ignored(key: string, reason: string): void {
    this.#problems.add(key, 'ignored', reason);
  }

  #isProtecting(key: string): boolean {
    return this.#protects.some((start) => key === start || key.startsWith(`${start}/`));
  }

  /** What is done when the flag or number is none. */
  #instead(key: string, fallback: boolean | number): string {
    return this.#isProtecting(key) ? NO_OPEN_DOOR : `${fallback} is used`;
  }

  #misread(key: string, problem: string): void {
    if (this.#isProtecting(key)) this.rejected(key, problem);
    else this.defaulted(key, problem);
  }

  #below(key: string): [string, string][] {
    const start = `${key}/`;
    const found: [string, string][] = [];
    for (const [each, value] of this.#values) if (each.startsWith(start)) found.push([each.slice(start.length), value]);
    return found;
  }
}
