/**
 * What tsuji would make of keys that it does not serve: the model of them, the table of that, and what is wrong, by the code that
 * does so when it serves.
 */
import { reasonOf } from '../../kernel/errors.ts';
import { type Problem, shownKey } from '../../kernel/problems.ts';
import { ModelBuilder } from '../../model/build-model.ts';
import type { Model } from '../../model/model.ts';
import type { StoredKeys } from '../../model/other-keys.ts';
import type { Settings } from '../../settings/settings.ts';
import { isStoredSetting, STORED_SECTIONS, type WithStored } from '../../settings/stored-settings.ts';
import { SlotRegistry } from '../../shared/slots.ts';
import { TableBuilder } from '../../table/builder.ts';
import { builtTables } from '../../table/salvage.ts';
import { listKeys } from '../keys/key-list.ts';
import { KEY_STATES, type KeyContext, type KeyState, type KeyStatus } from '../keys/key-status.ts';
import { findShadows } from '../keys/shadows.ts';
import { modelSettings } from '../routing/model-settings.ts';
import { TableFeed } from '../routing/table-feed.ts';
import { checkFiles } from '../setting-files.ts';
import { readPair } from '../tls/certificate-pair.ts';
import { readPemTextNow } from '../tls/pem-text.ts';
import { WatchedFiles } from '../watched-files.ts';
import type { Dump } from './dump.ts';

export type CheckReport = {
  /** What was read, in words. */
  readonly from: string;
  readonly prefix: string;
  /** Some request would come to a server. */
  readonly serves: boolean;
  /** Nothing is warned of, defaulted or rejected, and it serves. */
  readonly good: boolean;
  readonly frontends: number;
  readonly backends: number;
  readonly servers: number;
  readonly certificates: number;
  /** Frontends whose requests would get 503, since their backend has no server. */
  readonly withoutServers: readonly string[];
  readonly counts: Readonly<Record<KeyState, number>>;
  /** All of them, in their order. */
  readonly keys: readonly KeyStatus[];
  /** Problems of what has no key. */
  readonly others: readonly Problem[];
};

/** What is judged of settings that stand among the keys. */
function storedKeys(problems: ReadonlyMap<string, string>): StoredKeys {
  return {
    sections: STORED_SECTIONS,
    problemOf: (key) => problems.get(key) ?? problems.get(key.split('/', 2).join('/')) ?? '',
  };
}

function* certificateProblems({ certificates }: Model): Generator<Problem> {
  for (const { key, certText, keyText } of certificates.values()) {
    try {
      const { notAfter } = readPair(readPemTextNow('certfile', certText), readPemTextNow('keyfile', keyText));
      if (notAfter > Date.now()) continue;
      yield {
        key: shownKey(key),
        state: 'warned',
        reason: `the certificate has expired on ${new Date(notAfter).toISOString()}`,
      };
    } catch (error) {
      yield { key: shownKey(key), state: 'rejected', reason: reasonOf(error) };
    }
  }
}

function toEnd<Value>(steps: Generator<undefined, Value>): Value {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** Makes the table; what it cannot be made with is rejected by the model. */
function makeTable(builder: ModelBuilder, settings: Settings): void {
  const { model } = builder;
  const slots = () => new SlotRegistry({ kind: 'server', onReuse: () => {} });
  const names = settings.entryPoints.map(({ name }) => name);
  const feed = new TableFeed(names, slots(), slots());
  feed.touch(model);
  const { change, refused } = feed.next(model, 1);
  const made = builtTables(new TableBuilder(), change);
  builder.refuse([...refused, ...made.refused]);
}

function contextOf(model: Model, prefix: string, tree: string): KeyContext {
  const known = new Map(model.problems);
  for (const problem of certificateProblems(model)) if (!known.has(problem.key)) known.set(problem.key, problem);
  for (const [key, problem] of toEnd(findShadows(model.frontends, tree, (each) => known.has(each)))) {
    known.set(key, problem);
  }
  return { prefix, tree, model: () => model, problems: known };
}

/** `given`: settings without those of the store, which are put on top where they stand among the keys. */
export function checkKeys(
  { keys, format, tree, aliasProblem }: Dump,
  given: Settings,
  prefix: string,
  withStored: WithStored,
): CheckReport {
  const own = new Map(
    keys.filter(({ key, value }) => isStoredSetting(key, value)).map(({ key, value }) => [key, value]),
  );
  const { settings, problems } =
    own.size === 0 ? { settings: given, problems: new Map() } : withStored(own, checkFiles);
  const files = new WatchedFiles(() => {});
  try {
    const builder = new ModelBuilder({ ...modelSettings(settings), prefix, stored: storedKeys(problems), files });
    const alias = { ...(tree === prefix ? {} : { tree }), aliasProblem };
    builder.update(keys, alias);
    makeTable(builder, settings);
    const { model } = builder.update([], alias);
    return reportOf(keys, format, model, contextOf(model, prefix, tree));
  } finally {
    files.stop();
  }
}

function reportOf(keys: Dump['keys'], format: string, model: Model, context: KeyContext): CheckReport {
  const all = { states: [], prefix: '', offset: 0, limit: Number.POSITIVE_INFINITY };
  const list = toEnd(listKeys(keys, context, all));
  const told = new Set(list.keys.map(({ key }) => shownKey(key)));
  const others = [...context.problems.values()].filter(({ key }) => !told.has(key));
  others.sort((one, other) => (one.key < other.key ? -1 : 1));
  const hasServers = (backend: string): boolean => (model.backends.get(backend)?.servers.length ?? 0) > 0;
  const frontends = [...model.frontends.values()];
  const withoutServers = frontends.filter(({ backend }) => !hasServers(backend)).map(({ name }) => name);
  const serves = frontends.length > withoutServers.length;
  const isBad = (state: string): boolean => state !== 'accepted' && state !== 'ignored';
  const hasBad = KEY_STATES.some((state) => isBad(state) && list.counts[state] > 0);
  return {
    from: format,
    prefix: context.prefix,
    serves,
    good: serves && !hasBad && !others.some(({ state }) => isBad(state)),
    frontends: frontends.length,
    backends: model.backends.size,
    servers: [...model.backends.values()].reduce((sum, { servers }) => sum + servers.length, 0),
    certificates: model.certificates.size,
    withoutServers,
    counts: list.counts,
    keys: list.keys,
    others,
  };
}
