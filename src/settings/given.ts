/** The settings that were given, by flags or by the environment, checked one by one and not yet put together. */
import { parseDuration, timerSpan } from '../kernel/durations.ts';
import { type EntryPointText, readEntryPointText } from './entrypoint-text.ts';
import { parseBoolean, parseInteger, parseList } from './flag-values.ts';
import { type Row, shownName } from './row.ts';
import { findRow } from './rows.ts';
import type { Origin } from './setting-warning.ts';
import type { TreeSetting } from './settings-tree.ts';

const OTEL_PREFIX = 'OTEL_';
const ENTRY_POINTS = 'entryPoints';

type Entry = {
  readonly row: Row;
  readonly texts: string[];
  readonly origin: Origin;
};

/**
 * Texts by flag. The accessors fall back to the default of the row; a text is checked with `problemOf` before it is
 * added, so they cannot fail.
 */
export class Given {
  readonly #entries = new Map<string, Entry>();
  readonly #entryPoints = new Map<string, { readonly written: EntryPointText; readonly origin: Origin }>();
  readonly #dropped = new Set<string>();
  #webDropped = false;
  /** Variables of OpenTelemetry, which count less than any flag. */
  readonly otel: ReadonlyMap<string, string>;

  constructor(otel: ReadonlyMap<string, string> = new Map()) {
    this.otel = otel;
  }

  /** Repeating appends for kinds that say so; otherwise the last one counts. */
  add(row: Row, name: string, text: string, origin: 'flag' | 'environment'): void {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { row, texts: [text], origin });
    else if (row.kind === 'list' || row.kind === 'entrypoint') entry.texts.push(text);
    else entry.texts[0] = text;
  }

  /** Takes the place of what was added before; of a list, item by item. */
  put({ row, name, text, items }: TreeSetting, origin: 'file' | 'store'): void {
    if (items.size === 0) {
      this.#entries.set(name, { row, texts: [text], origin });
      return;
    }
    const list = this.#entries.has(name) ? this.list(name) : [];
    for (const [index, item] of items) list[index] = item;
    this.#entries.set(name, { row, texts: list.filter((item) => item !== undefined), origin });
  }

  /** Takes the place of one that has its name. */
  putEntryPoint(written: EntryPointText, origin: 'file' | 'store'): void {
    this.#entryPoints.set(written.name, { written, origin });
  }

  /** All that were asked for, or the one that is there when none was. */
  entryPoints(): EntryPointText[] {
    const texts = this.#entryPoints.size === 0 || this.#entries.has('entrypoints') ? this.texts('entryPoints') : [];
    const flags = texts.map(readEntryPointText);
    const places = new Set(flags.map(({ name }) => name));
    const others = Array.from(this.#entryPoints.values(), ({ written }) => written);
    const all = [
      ...flags.map((flag) => this.#entryPoints.get(flag.name)?.written ?? flag),
      ...others.filter(({ name }) => !places.has(name)),
    ];
    return all.filter(({ name }) => !this.#dropped.has(name));
  }

  /** It is as if nobody had asked for it. */
  dropEntryPoint(name: string): void {
    this.#dropped.add(name);
  }

  isDropped(name: string): boolean {
    return this.#dropped.has(name);
  }

  /** The admin pages are not served: what was to guard them cannot be used. */
  dropWeb(): void {
    this.#webDropped = true;
  }

  get isWebDropped(): boolean {
    return this.#webDropped;
  }

  /** Of all that were given, as `--help` writes them, in order. */
  names(): string[] {
    const names = Array.from(this.#entries, ([name, { row }]) => shownName(row, name));
    if (this.#entryPoints.size > 0) names.push('entryPoints');
    return [...new Set(names)].sort();
  }

  /** Where all that were given were written, by the names of `names`. */
  origins(): Record<string, Origin> {
    return Object.fromEntries(this.names().map((name) => [name, this.originOf(name)]));
  }

  /** Where it was written; of an option of an entrypoint (`entryPoints.http.TLS`) where that is. */
  originOf(setting: string): Origin {
    if (setting.startsWith(OTEL_PREFIX)) return 'environment';
    const entry = this.#entries.get(setting.toLowerCase());
    if (entry !== undefined) return entry.origin;
    if (!setting.startsWith(ENTRY_POINTS)) return 'default';
    const isAll = setting === ENTRY_POINTS;
    const ofOne = [...this.#entryPoints].find(
      ([name]) => isAll || `${setting}.`.startsWith(`${ENTRY_POINTS}.${name}.`),
    );
    return ofOne?.[1].origin ?? this.#entries.get(ENTRY_POINTS.toLowerCase())?.origin ?? 'default';
  }

  /** Of a section that is on: where it was switched on, by itself or by what is below it. */
  originOfSection(section: string): Origin {
    const own = this.originOf(section);
    if (own !== 'default') return own;
    const below = `${section.toLowerCase()}.`;
    return [...this.#entries].find(([name]) => name.startsWith(below))?.[1].origin ?? own;
  }

  /** What was written, by name; not of entrypoints. */
  written(): Map<string, string> {
    return new Map(this.settings().map(({ name, texts }) => [name, texts.join()]));
  }

  /** What was written, as it was given; not of entrypoints. */
  settings(): { readonly row: Row; readonly name: string; readonly texts: readonly string[] }[] {
    return [...this.#entries].flatMap(([name, { row, texts }]) =>
      row.kind === 'entrypoint' ? [] : [{ row, name: shownName(row, name), texts }],
    );
  }

  has(name: string): boolean {
    const key = name.toLowerCase();
    return this.#entries.has(key) || (key === 'entrypoints' && this.#entryPoints.size > 0);
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

  /** Was a section above it asked for as such (`--api`)? Then it has its defaults, whatever is said further below. */
  resets(name: string): boolean {
    const parts = name.toLowerCase().split('.');
    for (let length = 1; length < parts.length; length++) {
      const entry = this.#entries.get(parts.slice(0, length).join('.'));
      if (
        entry?.row.kind === 'section' &&
        parseBoolean(entry.texts[0]) === true &&
        (entry.origin === 'flag' || entry.origin === 'environment')
      )
        return true;
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
    return timerSpan(parseDuration(this.text(name))!);
  }

  list(name: string): string[] {
    return this.texts(name).flatMap(parseList);
  }
}
