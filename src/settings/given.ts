/** The settings that were given, by flags or by the environment, checked one by one and not yet put together. */
import { parseDuration } from '../kernel/durations.ts';
import { parseBoolean, parseInteger, parseList } from './flag-values.ts';
import type { Row } from './row.ts';
import { findRow } from './rows.ts';

/** What a timer of Node can wait for. A longer one would fire at once; 24 days and more mean "as good as never". */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Entry = { readonly row: Row; readonly texts: string[] };

/**
 * Texts by flag. The accessors fall back to the default of the row; a text is checked with `problemOf` before it is
 * added, so they cannot fail.
 */
export class Given {
  readonly #entries = new Map<string, Entry>();

  /** Repeating appends for kinds that say so; otherwise the last one counts. */
  add(row: Row, name: string, text: string): void {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { row, texts: [text] });
    else if (row.kind === 'list' || row.kind === 'entrypoint') entry.texts.push(text);
    else entry.texts[0] = text;
  }

  has(name: string): boolean {
    return this.#entries.has(name.toLowerCase());
  }

  /** Is a section on: by its own flag, or by any flag below it? */
  enabled(section: string): boolean {
    if (this.boolean(section)) return true;
    const below = `${section.toLowerCase()}.`;
    for (const [name, { row, texts }] of this.#entries) {
      // `--etcd.tls=false` asks for nothing.
      if (name.startsWith(below) && (row.kind !== 'section' || parseBoolean(texts[0]) === true)) return true;
    }
    return false;
  }

  texts(name: string): readonly string[] {
    return this.#entries.get(name.toLowerCase())?.texts ?? [findRow(name)!.fallback];
  }

  text(name: string): string {
    return this.texts(name)[0];
  }

  boolean(name: string): boolean {
    return parseBoolean(this.text(name))!;
  }

  integer(name: string): number {
    return parseInteger(this.text(name))!;
  }

  /** Milliseconds. */
  duration(name: string): number {
    return Math.min(parseDuration(this.text(name))!, LONGEST_TIMER_MS);
  }

  list(name: string): string[] {
    return this.texts(name).flatMap(parseList);
  }
}
