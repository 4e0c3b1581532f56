/** What one key is to tsuji: accepted, or what is wrong with it, where in its value, and what would be right. */
import { nearestName } from '../../kernel/nearest.ts';
import { isMarker, type Problem, shownKey } from '../../kernel/problems.ts';
import { unescapeValue } from '../../kernel/unescape.ts';
import type { Backend, Model } from '../../model/model.ts';
import { BACKEND_KEYS, CERTIFICATE_KEYS, FRONTEND_KEYS } from '../../model/schema.ts';
import { mendRule } from '../../rule/mend.ts';
import { shownValue } from '../history/difference.ts';
import type { MergedKey } from '../routing/kv-merge.ts';
import type { ControlView } from '../view.ts';
import { type KeyRow, keyRow } from './key-rows.ts';

export const KEY_STATES = ['accepted', 'warned', 'defaulted', 'ignored', 'rejected'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export type KeyStatus = KeyRow & {
  readonly state: KeyState;
  /** '' for an accepted one. */
  readonly reason: string;
  /** What is wrong in the value, characters from 0; null: that is not known. */
  readonly mark: readonly [from: number, to: number] | null;
  /** The value that would be right, '' when that is not known. */
  readonly fix: string;
};

/** What there is to know for it. */
export type KeyContext = Pick<ControlView, 'prefix' | 'model'> & {
  /** Of the keys in force: with an alias another one than `prefix`. */
  readonly tree: string;
  /** By whole key. */
  readonly problems: ReadonlyMap<string, Problem>;
};

const TABLES = { frontends: FRONTEND_KEYS, backends: BACKEND_KEYS, tls: CERTIFICATE_KEYS } as const;
const OBJECT = /^(frontends|backends|tls)\/([^/]+)\/(.*)$/s;
const BACKEND_NAME = /^frontends\/[^/]+\/backend$/;
/** Backends among which one of a near name is looked for, once for each key that is told of. */
const MOST_LOOKED_AT = 1_000;
const RULE = /^frontends\/[^/]+\/routes\/[^/]+\/rule$/;

/** The key as an operator would type it, and as problems name it. */
export function wholeKey({ prefix, tree }: Pick<KeyContext, 'prefix' | 'tree'>, key: string): string {
  return `${OBJECT.test(key) ? tree : prefix}/${key}`;
}

/** In a rule, and what it should be; its value is told as it is. Of a backend that is not there, the one that has nearly its name. */
export function mendedKey(
  key: string,
  value: string,
  { backends }: Pick<Model, 'backends'>,
): Pick<KeyStatus, 'mark' | 'fix'> {
  if (BACKEND_NAME.test(key) && !backends.has(value) && backends.size <= MOST_LOOKED_AT) {
    return { mark: null, fix: nearestName(value, backends.keys()) ?? '' };
  }
  const isRule = RULE.test(key);
  // Where an escape stands the places in the value are others than those in the rule.
  return isRule && unescapeValue(value) === value ? mendRule(value) : { mark: null, fix: '' };
}

/** Objects that are left out, by `frontends/F`, with the key that is to blame. */
export function leftOutObjects({ problems, prefix, tree }: KeyContext): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { key, state } of problems.values()) {
    if (state !== 'rejected') continue;
    const start = key.startsWith(`${tree}/`) ? tree : prefix;
    const [, kind, name] = OBJECT.exec(`${key.slice(start.length + 1)}/`) ?? [];
    if (kind !== undefined && !found.has(`${kind}/${name}`)) found.set(`${kind}/${name}`, key);
  }
  return found;
}

function stateOf(
  { key }: MergedKey,
  context: KeyContext,
  leftOut: ReadonlyMap<string, string>,
): readonly [KeyState, string] {
  const whole = shownKey(wholeKey(context, key));
  const problem = context.problems.get(whole);
  if (problem !== undefined) return [problem.state, problem.reason];
  if (isMarker(key)) return ['ignored', 'a directory, which says nothing'];
  const [, kind, name, rest] = OBJECT.exec(key) ?? [];
  if (kind === undefined) return ['accepted', ''];
  const object = kind === 'tls' ? 'certificate' : kind.slice(0, -1);
  const match = TABLES[kind as keyof typeof TABLES].find(rest);
  if (match.kind === 'unknown') return ['ignored', 'unknown key'];
  const { model } = context;
  const isThere = kind === 'tls' ? model().certificates.has(name) : model()[kind as 'frontends'].has(name);
  if (!isThere) {
    const blamed = leftOut.get(`${kind}/${name}`);
    const why = blamed === undefined ? '' : `: see ${blamed}`;
    return ['rejected', `its ${object} ${JSON.stringify(name)} is left out${why}`];
  }
  const [, server] = kind === 'backends' ? (/^servers\/([^/]+)\//.exec(rest) ?? []) : [];
  const why = server === undefined ? '' : serverLack(model().backends.get(name)!, server);
  return why === '' ? ['accepted', ''] : ['ignored', why];
}

/** Why a backend does without that server, '' when it does not. */
function serverLack({ servers, leftOut = [] }: Backend, name: string): string {
  const away = leftOut.find((each) => each.name === name);
  if (away !== undefined) return `its server is left out by the constraint ${away.constraint}`;
  return servers.some((server) => server.name === name) ? '' : 'its server has no URL that can be used';
}

export function keyStatus(key: MergedKey, context: KeyContext, leftOut: ReadonlyMap<string, string>): KeyStatus {
  const [state, reason] = stateOf(key, context, leftOut);
  const mended =
    state === 'accepted' || reason.startsWith('its ')
      ? { mark: null, fix: '' }
      : mendedKey(key.key, key.value, context.model());
  const row = keyRow(context.prefix, key);
  return { ...row, key: wholeKey(context, key.key), state, reason, ...mended };
}

/** Of a key with a problem, what is there of it; `value` null where it is not there, or may be a secret. */
export function problemDetail(
  view: Pick<ControlView, 'prefix' | 'sources' | 'key' | 'model'>,
  { key }: Problem,
): Pick<KeyStatus, 'mark' | 'fix'> & { readonly value: string | null; readonly source: string } {
  const starts = [view.sources().find(({ tree }) => tree !== undefined)?.tree, view.prefix];
  const start = starts.find((each) => each !== undefined && key.startsWith(`${each}/`));
  const found = start === undefined ? null : view.key(key.slice(start.length + 1));
  if (found === null) return { value: null, source: '', mark: null, fix: '' };
  const { source, revision } = keyRow('', found);
  const value = shownValue(found.key, found.value)!.startsWith('"') ? found.value : null;
  const from = revision === null ? source : `${source} rev ${revision}`;
  return {
    value,
    source: from,
    ...(value === null ? { mark: null, fix: '' } : mendedKey(found.key, found.value, view.model())),
  };
}
