/**
 * Settings that are written as a tree: keys of a store (shared/spec kv-schema §12) and traefik.toml (cli-api §4). Paths
 * are slashed and in any case; a list has a number for each item.
 *
 *     retry/attempts                            →  the row retry.attempts
 *     defaultentrypoints/0                      →  item 0 of the row defaultEntryPoints
 *     entrypoints/http/redirect/entrypoint      →  the option Redirect.EntryPoint of the entrypoint http
 */
import type { CertificatePair } from '../kernel/entrypoint-options.ts';
import { entryPointOption } from './entrypoint-paths.ts';
import { type EntryPointText, items } from './entrypoint-text.ts';
import { problemOf } from './flag-values.ts';
import type { Row } from './row.ts';
import { findRow } from './rows.ts';

/** How durations are written: each turns a text into one that `parseDuration` reads. */
export type DurationDialect = (text: string) => string;

/** Whole numbers are nanoseconds, as the original demands; what it refuses (`2s`) says what it means. */
export const NANOSECONDS: DurationDialect = (text) => (/^[0-9]+$/.test(text) ? `${text}ns` : text);
/** Whole numbers are seconds. */
export const SECONDS: DurationDialect = (text) => text;

/** The problem of a path that names nothing. */
export const UNKNOWN = 'unknown setting';

export type TreeSetting = {
  readonly row: Row;
  /** Lower case, with dots. */
  readonly name: string;
  /** The first path that says it. */
  readonly path: string;
  /** '' for a list with items. */
  readonly text: string;
  readonly items: ReadonlyMap<number, string>;
};

export type TreeEntryPoint = {
  readonly written: EntryPointText;
  /** `entrypoints/http` */
  readonly path: string;
};

export type SettingsTree = {
  readonly settings: readonly TreeSetting[];
  readonly entryPoints: readonly TreeEntryPoint[];
  /** Path → why it is not taken. */
  readonly problems: ReadonlyMap<string, string>;
};

type OpenSetting = TreeSetting & { text: string; readonly items: Map<number, string> };

class OpenEntryPoint {
  readonly path: string;
  private readonly name: string;
  private readonly options = new Map<string, readonly string[]>();
  private readonly unknown: string[] = [];
  private readonly paths = new Map<string, string>();
  private readonly pairs = new Map<number, { cert: string; key: string }>();

  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
    this.options.set('Name', [name]);
  }

  add(path: string, parts: readonly string[], text: string): void {
    const option = entryPointOption(parts);
    if (option === null) {
      const written = parts.filter((part) => part !== '').join('/');
      this.unknown.push(written);
      this.paths.set(written, path);
      return;
    }
    const { name, kind, index } = option;
    if (option.tls) this.options.set('TLS', []);
    if (kind === 'cert' || kind === 'key') {
      const pair = this.pairs.get(index) ?? { cert: '', key: '' };
      pair[kind] = text;
      this.pairs.set(index, pair);
      this.keep('TLS', path, []);
    } else if (name !== '') {
      const before = this.options.get(name) ?? [];
      if (kind === 'section') this.keep(name, path, this.options.get(name) ?? option.texts);
      else this.keep(name, path, kind === 'item' ? [...before, text] : kind === 'list' ? items(text) : [text]);
    }
  }

  done(): EntryPointText {
    const { name, options, unknown, paths } = this;
    const certificates: CertificatePair[] = [...this.pairs].sort(([a], [b]) => a - b).map(([, pair]) => pair);
    return { name, options, certificates, unknown, paths };
  }

  private keep(option: string, path: string, texts: readonly string[]): void {
    this.options.set(option, texts);
    if (!path.endsWith('/')) this.paths.set(option, path);
  }
}

/** Numbers as numbers: item 10 comes behind item 9. */
function inOrder(paths: Iterable<string>): string[] {
  return [...paths].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

/** What a path names, but for those of entrypoints; `index` of an item of a list, else -1. null: nothing. */
export function findSetting(parts: readonly string[]): { row: Row; name: string; index: number } | null {
  const name = parts.join('.').toLowerCase();
  const row = findRow(name);
  if (row !== undefined && row.kind !== 'entrypoint') return { row, name, index: -1 };
  const last = parts.at(-1)!;
  const list = parts.slice(0, -1).join('.').toLowerCase();
  const listRow = /^[0-9]{1,4}$/.test(last) ? findRow(list) : undefined;
  return listRow?.kind === 'list' ? { row: listRow, name: list, index: Number(last) } : null;
}

/** A path that ends with a slash is a section that is there, whatever it holds; its text is not looked at. */
export function readSettingsTree(texts: ReadonlyMap<string, string>, duration: DurationDialect): SettingsTree {
  const settings = new Map<string, OpenSetting>();
  const entryPoints = new Map<string, OpenEntryPoint>();
  const problems = new Map<string, string>();
  for (const path of inOrder(texts.keys())) {
    const section = path.endsWith('/');
    const parts = (section ? path.slice(0, -1) : path).split('/');
    const text = texts.get(path)!;
    if (parts[0].toLowerCase() === 'entrypoints' && parts.length > 1) {
      const name = parts[1];
      const entryPoint = entryPoints.get(name) ?? new OpenEntryPoint(name, parts.slice(0, 2).join('/'));
      entryPoints.set(name, entryPoint);
      const below = section ? [...parts.slice(2), ''] : parts.slice(2);
      if (parts.length > 2) entryPoint.add(path, below, text);
      continue;
    }
    const found = findSetting(parts);
    if (section && found?.row.kind !== 'section') continue;
    if (found === null) {
      problems.set(path, UNKNOWN);
      continue;
    }
    const { row, name, index } = found;
    const said = section ? 'true' : row.kind === 'duration' ? duration(text) : text;
    const problem = problemOf(row, said);
    if (problem !== '') {
      problems.set(path, problem);
      continue;
    }
    const setting: OpenSetting = settings.get(name) ?? { row, name, path, text: '', items: new Map() };
    settings.set(name, setting);
    if (index < 0) setting.text = said;
    else setting.items.set(index, said);
  }
  return {
    settings: [...settings.values()],
    entryPoints: [...entryPoints.values()].map((open) => ({ written: open.done(), path: open.path })),
    problems,
  };
}
