/** A traefik.toml of Traefik 1.7 as settings of ours: what is obeyed, in one form or another, and what is not, and why. */
import { stringify, type TomlTable, type TomlValue } from 'smol-toml';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { writeEntryPointText } from './entrypoint-text.ts';
import { fillSettings } from './fill-settings.ts';
import { parseBoolean } from './flag-values.ts';
import { Given } from './given.ts';
import { NOT_YET, Warnings } from './setting-warning.ts';
import { findSetting } from './settings-tree.ts';
import { addTomlFile, readDocument } from './toml-file.ts';

export type ConvertedFile = {
  /** As they stand on a command line, without quotes of a shell. */
  readonly flags: readonly string[];
  readonly toml: string;
  /** Setting and why it is not obeyed, or not as in Traefik. */
  readonly notes: readonly string[];
  /** Why tsuji would not start with this file; '' when it would. */
  readonly refusal: string;
};

/** What Traefik 1.7 does and tsuji does not where a file says nothing; `setting`: what would be said to have it the same. */
const OTHER_DEFAULTS: readonly {
  readonly setting: string;
  readonly when: (given: Given) => boolean;
  readonly note: string;
}[] = [
  {
    setting: 'admin.defaultAddress',
    when: (given) =>
      ['web', 'api', 'ping', 'metrics.prometheus'].some((section) => given.enabled(section)) &&
      !given.has('web.address'),
    note: 'Traefik has its pages on :8080 of all addresses, tsuji on 127.0.0.1:8080: --admin.defaultAddress=:8080 opens them',
  },
  { setting: 'logLevel', when: () => true, note: "Traefik's default is ERROR, ours is INFO" },
  {
    setting: 'etcd.useAPIV3',
    when: (given) => given.enabled('etcd'),
    note: 'Traefik reads v2 keys alone, tsuji v2 and v3, of which v3 wins',
  },
];

function pruned(value: TomlValue, path: readonly string[]): TomlValue | null {
  if (path[0]?.toLowerCase() === 'entrypoints') return value;
  const row = path.length === 0 ? undefined : findSetting(path)?.row;
  if (row !== undefined && row.support !== 'now') return null;
  if (typeof value !== 'object' || value instanceof Date || Array.isArray(value))
    return row === undefined ? null : value;
  const inner = Object.entries(value).flatMap(([name, each]) => {
    const kept = pruned(each, [...path, name]);
    return kept === null ? [] : [[name, kept] as const];
  });
  return inner.length === 0 && row === undefined ? null : (Object.fromEntries(inner) as TomlTable);
}

function flagsOf(given: Given, notes: string[]): string[] {
  const flags: string[] = [];
  for (const { row, name, texts } of given.settings()) {
    if (row.support === 'later') notes.push(`${name}: it is not supported yet: ${row.help}`);
    else if (row.support === 'silent') notes.push(`${name}: ${row.help}`);
    else if (row.kind === 'section') flags.push(...(parseBoolean(texts[0]) === true ? [`--${name}`] : []));
    else if (row.kind === 'list' && texts.some((text) => /[,\n]/.test(text)) && texts.length > 1)
      notes.push(`${name}: a flag cannot say it: take it as TOML`);
    else flags.push(`--${name}=${texts.join(',')}`);
  }
  if (!given.has('entryPoints')) return flags;
  for (const entryPoint of given.entryPoints()) {
    const text = writeEntryPointText(entryPoint);
    if (text === null) notes.push(`entryPoints.${entryPoint.name}: a flag cannot say it: take it as TOML`);
    else flags.push(`--entryPoints=${text}`);
  }
  return flags;
}

/** @throws TsujiError for a file that cannot be read, or has a value that is none */
export function convertTraefikFile(file: string): ConvertedFile {
  const given = new Given();
  const notes: string[] = [];
  addTomlFile(file, given, (setting, reason) => {
    if (reason !== NOT_YET) notes.push(`${setting}: ${reason}`);
  });
  const flags = flagsOf(given, notes);
  let refusal = '';
  try {
    const { warnings } = fillSettings(given, new Warnings());
    notes.push(...warnings.map(({ setting, reason }) => `${setting}: ${reason}`));
  } catch (error) {
    if (!(error instanceof TsujiError)) throw error;
    refusal = reasonOf(error);
  }
  for (const { setting, when, note } of OTHER_DEFAULTS)
    if (!given.has(setting) && when(given)) notes.push(`${setting}: ${note}`);
  return { flags, toml: stringify((pruned(readDocument(file), []) ?? {}) as TomlTable), notes, refusal };
}
