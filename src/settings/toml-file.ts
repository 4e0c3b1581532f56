/**
 * traefik.toml (shared/spec cli-api §1.2 and §4): the same settings as the flags, below them in precedence. Read by
 * smol-toml, which is small, alive and has no dependencies.
 */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { Given } from './given.ts';
import { otherProviderNotice } from './other-providers.ts';
import { shownName } from './row.ts';
import { NOT_YET, type Warn } from './setting-warning.ts';
import { readSettingsTree, SECONDS, UNKNOWN } from './settings-tree.ts';

const FILE_NAME = 'traefik.toml';

function bad(file: string, reason: string): TsujiError {
  return new TsujiError('BAD_FILE', `${file}: ${reason}`);
}

/** The file itself, or the one in the directory; null when there is none. */
function existing(path: string): string | null {
  for (const candidate of [path, join(path, FILE_NAME)]) {
    if (statSync(candidate, { throwIfNoEntry: false })?.isFile() === true) return candidate;
  }
  return null;
}

/** `$NAME` and `${NAME}`; what is not set is ''. */
function expanded(path: string, env: NodeJS.ProcessEnv): string {
  return path.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_all, braced, plain) => env[braced ?? plain] ?? '');
}

/**
 * The first of the places that has one; null for none, which is no error.
 * @param named what `--configFile` says, '' when it says nothing
 */
export function findTomlFile(named: string, env: NodeJS.ProcessEnv, warn: Warn): string | null {
  if (named !== '') {
    const found = existing(expanded(named, env));
    if (found !== null) return found;
    warn('configFile', `there is no file ${quoted(named)}`);
  }
  const home = env.HOME ?? '';
  const places = ['/etc/traefik', ...(home === '' ? [] : [join(home, '.traefik')]), '.'];
  for (const place of places) {
    const found = existing(join(place, FILE_NAME));
    if (found !== null) return found;
  }
  return null;
}

/** Paths of a document → texts; a table is a path with a slash at its end. */
function flatten(value: TomlValue, path: string, texts: Map<string, string>): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) flatten(item, `${path}/${index}`, texts);
  } else if (typeof value === 'object' && !(value instanceof Date)) {
    if (path !== '') texts.set(`${path}/`, '');
    for (const [name, inner] of Object.entries(value)) {
      flatten(inner, path === '' ? name.replaceAll('/', '') : `${path}/${name.replaceAll('/', '')}`, texts);
    }
  } else {
    texts.set(path, value instanceof Date ? value.toISOString() : String(value));
  }
}

/** Where the text of a file is wrong, with its line; what stands in quotes there may be a password. */
function placeOf(error: unknown, text: string): string {
  if (!(error instanceof TomlError)) return '';
  const line = (text.split(/\r?\n/)[error.line - 1] ?? '').trim();
  const shown = line.replace(/(["']).*?(?:\1|$)/g, '$1…$1');
  return `, at line ${error.line}, column ${error.column}: ${quoted(shown)}`;
}

/** @throws TsujiError that names the file and the line */
export function readDocument(file: string): TomlTable {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw bad(file, `it cannot be read: ${reasonOf(error)}`);
  }
  try {
    return parse(text);
  } catch (error) {
    throw bad(file, `${reasonOf(error).split('\n')[0]}${placeOf(error, text)}`);
  }
}

/**
 * Adds what the file says and nothing else has said before. Its entrypoints count only when there are no others.
 * @param warn takes each thing that means nothing to tsuji
 * @throws TsujiError that names the file, the setting and what is wrong
 */
export function addTomlFile(file: string, given: Given, warn: Warn): void {
  const texts = new Map<string, string>();
  flatten(readDocument(file), '', texts);
  const { settings, entryPoints, problems } = readSettingsTree(texts, SECONDS);
  const unknown = new Set<string>();
  for (const [path, problem] of problems) {
    const name = path.replaceAll('/', '.');
    if (/^web\.auth\./i.test(name)) {
      throw bad(file, `${name} is not supported yet, and it would not be safe to serve without it`);
    }
    if (problem !== UNKNOWN) throw bad(file, `${name}: ${problem}`);
    // One line for a whole section of which nothing is known, such as that of another provider.
    const section = name.split('.', 1)[0];
    const isKnown = settings.some((setting) => setting.name.split('.', 1)[0] === section.toLowerCase());
    unknown.add(isKnown ? name : section);
  }
  for (const name of unknown) {
    warn(name, otherProviderNotice(name) || 'it is unknown and ignored');
  }
  if (!given.has('entryPoints')) for (const { written } of entryPoints) given.putEntryPoint(written, 'file');
  else if (entryPoints.length > 0)
    warn('entryPoints', 'those of the file are ignored, because there are --entryPoints');
  for (const setting of settings) {
    const { name, row, text } = setting;
    if (row.support === 'later' && text !== row.fallback) warn(shownName(row, name), NOT_YET);
    if (!given.has(name) && !given.resets(name)) given.put(setting, 'file');
  }
}
