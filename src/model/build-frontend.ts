/** The keys below `frontends/<name>/` → one frontend. Source: shared/spec kv-schema §5, rules §9. */
import { reasonOf } from '../kernel/errors.ts';
import { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readBool, readInt, readList } from '../kernel/values.ts';
import type { Kind, Known } from '../middlewares/kind.ts';
import { FRONTEND_KINDS, offeredBackend, parseOptions } from '../middlewares/kinds.ts';
import { RuleCompiler } from '../rule/compile-rule.ts';
import type { Built } from './built.ts';
import type { ObjectKeys } from './kv-tree.ts';
import type { Frontend, Route } from './model.ts';
import { FRONTEND_KEYS } from './schema.ts';

export type FrontendOptions = {
  /** The prefix of all keys, without a slash at its end. */
  readonly prefix: string;
  /** Names of the entrypoints that exist. */
  readonly entryPoints: ReadonlySet<string>;
  readonly defaultEntryPoints: readonly string[];
};

/** The values as they stand in the keys, '' for a key that is not there. */
type FrontendKeys = {
  backend: string;
  priority: string;
  passHostHeader: string;
  passHostHeaderOld: string;
  entryPoints: string;
  readonly entryPointItems: Map<string, string>;
  readonly rules: Map<string, string>;
  /** By their kind and their whole key below the frontend. */
  readonly options: Map<Kind<object>, Map<string, string>>;
};

type FrontendText = 'backend' | 'priority' | 'passHostHeader' | 'passHostHeaderOld' | 'entryPoints';

function collectKeys(keys: ObjectKeys, problems: ProblemList): FrontendKeys {
  const collected: FrontendKeys = {
    backend: '',
    priority: '',
    passHostHeader: '',
    passHostHeaderOld: '',
    entryPoints: '',
    entryPointItems: new Map(),
    rules: new Map(),
    options: new Map(),
  };
  for (const [key, value] of keys) {
    const match = FRONTEND_KEYS.find(key);
    if (match.kind === 'unknown') problems.addUnused(key, match);
    else if (typeof match.field === 'object') {
      const own = collected.options.get(match.field) ?? new Map();
      collected.options.set(match.field, own.set(key, value));
    } else if (match.field === 'rule') collected.rules.set(match.names[0], value);
    else if (match.field === 'entryPointItem') collected.entryPointItems.set(match.names[0], unescapeValue(value));
    else collected[match.field as FrontendText] = value;
  }
  return collected;
}

/** Entrypoints that are named to whoever names another. */
const MOST_NAMED = 20;

/** null when none is left. */
function readEntryPoints(
  keys: FrontendKeys,
  options: FrontendOptions,
  problems: ProblemList,
): readonly string[] | null {
  const listed = readList(unescapeValue(keys.entryPoints), keys.entryPointItems);
  const { defaultEntryPoints } = options;
  // One list for nearly all frontends.
  if (
    listed.length === 0 &&
    defaultEntryPoints.length > 0 &&
    defaultEntryPoints.every((name) => options.entryPoints.has(name))
  ) {
    return defaultEntryPoints;
  }
  const wanted = new Set(listed.length > 0 ? listed : defaultEntryPoints);
  const known = [...wanted].filter((name) => options.entryPoints.has(name));
  const unknown = [...wanted].filter((name) => !options.entryPoints.has(name)).map(quoted);
  if (known.length === 0) {
    const there = [...options.entryPoints].slice(0, MOST_NAMED).join(', ');
    const which =
      unknown.length > 0
        ? `none of ${unknown.join(', ')} is an entrypoint; there are: ${there}`
        : 'there is no default entrypoint';
    problems.add('entrypoints', 'rejected', which);
    return null;
  }
  if (unknown.length > 0) {
    const what = unknown.length === 1 ? 'is no entrypoint' : 'are no entrypoints';
    problems.add('entrypoints', 'defaulted', `${unknown.join(', ')} ${what}; only ${known.join(', ')} is used`);
  }
  return known;
}

/** For a frontend without a rule (rule-wait.ts). */
export type RuleLack = {
  /** Asked when it has none: may one still come, so that it must not be served as it stands? */
  readonly mayGetRule: () => boolean;
  /** Those of the frontend as it is served now. */
  readonly lastRoutes: readonly Route[];
};

const NO_LACK: RuleLack = { mayGetRule: () => false, lastRoutes: [] };

/** The rules that are there, in order of name. */
function writtenRoutes(keys: FrontendKeys, problems: ProblemList): Route[] {
  const routes: Route[] = [];
  for (const name of [...keys.rules.keys()].sort()) {
    const rule = unescapeValue(keys.rules.get(name)!);
    if (rule !== '') routes.push({ name, rule });
    else problems.add(`routes/${name}/rule`, 'ignored', 'the rule is empty and restricts nothing');
  }
  return routes;
}

/** null: it must not be served without a rule. */
function readRoutes(keys: FrontendKeys, lack: RuleLack, problems: ProblemList): readonly Route[] | null {
  const routes = writtenRoutes(keys, problems);
  if (routes.length > 0 || !lack.mayGetRule()) return routes;
  const { lastRoutes } = lack;
  const meanwhile =
    lastRoutes.length > 0 ? 'for a moment its last rules stay in force' : 'it is held back for a moment';
  problems.addBrief(
    'routes',
    'warned',
    `without a rule it matches every request: ${meanwhile}, in case one is being written`,
  );
  return lastRoutes.length > 0 ? lastRoutes : null;
}

/** null when one is bad. */
function compileRoutes(
  routes: readonly Route[],
  problems: ProblemList,
): { rules: RuleCompiler; length: number } | null {
  const rules = new RuleCompiler();
  let length = 0;
  let rejected = false;
  for (const { name, rule } of routes) {
    const key = `routes/${name}/rule`;
    try {
      const notes = rules.add(rule);
      if (notes.length > 0) problems.add(key, 'defaulted', `${quoted(rule)}: ${notes.join('; ')}`);
      length += Buffer.byteLength(rule);
    } catch (error) {
      problems.add(key, 'rejected', `${quoted(rule)}: ${reasonOf(error)}`);
      rejected = true;
    }
  }
  return rejected ? null : { rules, length };
}

/** `backend` names a backend of the same tree and is taken as it stands, like the name in a key. */
function readBackend(backend: string, backendLack: Known['backendLack'], problems: ProblemList): boolean {
  const reason = backend === '' ? 'no backend is named' : backendLack(backend);
  if (reason === '') return true;
  problems.add('backend', 'rejected', reason);
  return false;
}

/** What a frontend may look at beside its own keys; it is built again when what it has seen there changes. */
export type Surroundings = Pick<Known, 'backendLack' | 'keyOf' | 'readFile'>;

/** All problems of the frontend are reported at once, so that they can be mended at once. */
export function buildFrontend(
  name: string,
  keys: ObjectKeys,
  surroundings: Surroundings,
  options: FrontendOptions,
  lack: RuleLack = NO_LACK,
): Built<Frontend> {
  const problems = new ProblemList(`${options.prefix}/frontends/${name}/`);
  if (keys.size === 0) return { value: null, problems: problems.list };
  const texts = collectKeys(keys, problems);

  const priority = readInt(texts.priority, 0);
  if (priority.problem !== '') problems.add('priority', 'defaulted', priority.problem);
  const isOldSpelling = texts.passHostHeader === '';
  const passHostHeader = readBool(isOldSpelling ? texts.passHostHeaderOld : texts.passHostHeader, true);
  if (passHostHeader.problem !== '') {
    problems.add(isOldSpelling ? 'passHostHeader' : 'passhostheader', 'defaulted', passHostHeader.problem);
  }

  const entryPoints = readEntryPoints(texts, options, problems);
  const routes = readRoutes(texts, lack, problems);
  const matching = routes === null ? null : compileRoutes(routes, problems);
  const known = { entryPoints: options.entryPoints, backend: texts.backend, ...surroundings };
  const optionSet = parseOptions(FRONTEND_KINDS, texts.options, known, problems);
  const backend = texts.backend !== '' || optionSet === null ? texts.backend : offeredBackend(optionSet);
  const hasBackend = readBackend(backend, surroundings.backendLack, problems);
  const isRouted = hasBackend && entryPoints !== null && routes !== null && matching !== null;
  if (!isRouted || optionSet === null) {
    return { value: null, problems: problems.list };
  }
  const { modifiers } = matching.rules;
  // As long as they are: what was pushed to has room for 17.
  const [routesKept, terms] = [routes.slice(), matching.rules.terms.slice()];
  const frontend = {
    name,
    backend,
    entryPoints,
    routes: routesKept,
    priority: priority.value,
    rank: priority.value > 0 ? priority.value : matching.length,
    passHostHeader: passHostHeader.value,
    terms,
    ...(modifiers === null ? {} : { modifiers }),
    options: optionSet,
  };
  return { value: frontend, problems: problems.list };
}
