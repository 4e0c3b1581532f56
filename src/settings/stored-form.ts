/**
 * Settings as keys of a store, as `storeconfig` writes them (shared/spec kv-schema §12): lower case, a number for each item of a
 * list, durations in nanoseconds. What settings-tree.ts reads.
 */
import { parseDuration } from '../kernel/durations.ts';
import { optionPath } from './entrypoint-paths.ts';
import type { EntryPointText } from './entrypoint-text.ts';
import { parseBoolean, parseList } from './flag-values.ts';
import type { Given } from './given.ts';
import type { Row } from './row.ts';
import { ROWS } from './rows.ts';
import { isStoredSetting } from './stored-settings.ts';

export type StoredForm = {
  /** Relative to the prefix. */
  readonly keys: ReadonlyMap<string, string>;
  /** Paths whose keys are those of `keys` and no others: lists and entrypoints. With a slash at their end. */
  readonly wholes: readonly string[];
  /** Setting → why it is not among them. */
  readonly leftOut: ReadonlyMap<string, string>;
};

/** Whoever is to read them in the store needs them before. */
const FOR_THE_STORE = /^(?:configFile|folder|etcd\.(?:endpoint|prefix|username|password|tls(?:\..*)?))$/;

function pathOf(name: string): string {
  return name.toLowerCase().replaceAll('.', '/');
}

/** The original's own reader stumbles over a key that is a section as well, so a bare one is said by a default below it. */
function sectionKeys(name: string): [path: string, text: string] {
  const below = ROWS.find(
    (row) => row.support === 'now' && row.kind !== 'section' && row.fallback !== '' && row.name.startsWith(`${name}.`),
  );
  return below === undefined ? [pathOf(name), 'true'] : [pathOf(below.name), storedText(below, below.fallback)];
}

function storedText({ kind }: Row, text: string): string {
  if (kind === 'duration') return String(Math.round(parseDuration(text)! * 1e6));
  return kind === 'boolean' ? String(parseBoolean(text)) : text;
}

function entryPointKeys({ name, options, certificates }: EntryPointText): Map<string, string> {
  const keys = new Map<string, string>();
  const place = `entrypoints/${name}`;
  for (const [option, texts] of options) {
    const path = optionPath(option);
    if (path === null) continue;
    if (path.endsWith('/#'))
      for (const [index, text] of texts.entries()) keys.set(`${place}/${path.slice(0, -1)}${index}`, text);
    else if (texts.length > 0) keys.set(`${place}/${path}`, texts.join(','));
  }
  for (const [index, { cert, key }] of certificates.entries()) {
    keys.set(`${place}/tls/certificates/${index}/certfile`, cert);
    keys.set(`${place}/tls/certificates/${index}/keyfile`, key);
  }
  const hasTls = [...keys.keys()].some((key) => key.startsWith(`${place}/tls/`));
  if (options.has('TLS') && !hasTls) keys.set(`${place}/tls/snistrict`, 'false');
  return keys;
}

/** Of all that was given; what is left to its default is not written, so that it stays one. */
export function storedForm(given: Given): StoredForm {
  const keys = new Map<string, string>();
  const wholes: string[] = [];
  const leftOut = new Map<string, string>();
  const put = (setting: string, path: string, text: string): void => {
    if (text === '') leftOut.set(setting, 'it is empty, which means nothing in a store');
    else if (isStoredSetting(path, text)) keys.set(path, text);
    else leftOut.set(setting, 'it is not read from a store: every tsuji needs it as a flag, variable or in its file');
  };
  const sections: string[] = [];
  for (const { row, name, texts } of given.settings()) {
    if (FOR_THE_STORE.test(name)) leftOut.set(name, 'it says where the store is');
    else if (row.support !== 'now')
      leftOut.set(name, row.support === 'later' ? 'it is not supported yet' : 'it does nothing');
    else if (row.kind === 'section') sections.push(...(parseBoolean(texts[0]) === true ? [name] : []));
    else if (row.kind === 'list') {
      for (const [index, item] of texts.flatMap(parseList).entries()) put(name, `${pathOf(name)}/${index}`, item);
      wholes.push(`${pathOf(name)}/`);
    } else put(name, pathOf(name), storedText(row, texts[0]));
  }
  for (const section of sections) {
    if (section !== 'etcd' && ![...keys.keys()].some((key) => key.startsWith(`${pathOf(section)}/`)))
      put(section, ...sectionKeys(section));
  }
  if (given.has('entryPoints')) {
    for (const entryPoint of given.entryPoints()) {
      for (const [path, text] of entryPointKeys(entryPoint)) put(`entryPoints.${entryPoint.name}`, path, text);
      wholes.push(`entrypoints/${entryPoint.name}/`);
    }
  }
  return { keys, wholes, leftOut };
}
