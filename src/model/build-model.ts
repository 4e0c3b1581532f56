/**
 * Key changes → the next model. Only touched frontends and backends are built again; a frontend depends on which of the
 * backends that it names exist, and on nothing else outside its own keys.
 *
 *     changes ─▶ KvTree ─▶ touched names ─▶ buildBackend / buildFrontend ─▶ what differs ─▶ next Model
 *
 * All models of a builder share their maps, which always show the newest one: copying them is the larger part of a
 * change with 100 000 frontends. What stands in them is never changed, only replaced, and an update that changes
 * anything gives a new model object, so that `===` tells whether there is news.
 */
import type { Constraint } from '../kernel/constraints.ts';
import { reasonOf } from '../kernel/errors.ts';
import { escapedName } from '../kernel/key-text.ts';
import { type Problem, shownKey } from '../kernel/problems.ts';
import { quoted, shortened } from '../kernel/quote.ts';
import { atOnce, type Steps } from '../kernel/steps.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import type { FileText, Known } from '../middlewares/kind.ts';
import { applyInParts } from './apply-in-parts.ts';
import { type BackendOptions, buildBackend } from './build-backend.ts';
import { buildCertificate, type CertificateOptions } from './build-certificate.ts';
import { buildFrontend, type FrontendOptions } from './build-frontend.ts';
import type { Built } from './built.ts';
import { Dependents } from './dependents.ts';
import { DEFAULT_INTERVAL_MS } from './health-keys.ts';
import { type Change, KvTree, type ObjectKeys, type Touched } from './kv-tree.ts';
import type { Model } from './model.ts';
import { type LiveModel, type ModelUpdate, NextModel } from './next-model.ts';
import { describeOther, isKnownOther, NO_STORED_KEYS, type StoredKeys } from './other-keys.ts';
import { ProblemBook } from './problem-book.ts';
import { type Refusal, Refusals } from './refusals.ts';
import { RuleWait } from './rule-wait.ts';
import { Twins } from './twins.ts';

/** Files that `frontends/F` and `backends/B` name. Whoever changes one tells `rebuild`. */
export type KnownFiles = {
  read(path: string, object: string): FileText;
  /** That object is built anew: what it read before counts no more. */
  forget(object: string): void;
};

const NO_FILES: KnownFiles = { read: () => ({ text: '', problem: 'there are no files here' }), forget: () => {} };

export type ModelSettings = {
  /** With its leading slash and without one at its end; '' for a folder. */
  readonly prefix: string;
  /** Names of the entrypoints that exist. */
  readonly entryPoints: readonly string[];
  /** Those of them that have TLS; absent: none. */
  readonly tlsEntryPoints?: readonly string[];
  readonly defaultEntryPoints: readonly string[];
  readonly allowMinWeightZero: boolean;
  /** Of `--healthCheck.interval`; absent: 30 s. */
  readonly healthCheckIntervalMs?: number;
  /** What the tags of a server must meet; absent: nothing. */
  readonly constraints?: readonly Constraint[];
  /** Files on this host that keys name; absent: there are none to be had. */
  readonly files?: KnownFiles;
  /** What is known of the settings of tsuji itself that stand among the keys; absent: nothing. */
  readonly stored?: StoredKeys;
  /** How long a frontend without a rule waits for one (rule-wait.ts), ms; absent: it is served at once. */
  readonly ruleWaitMs?: number;
  /** As in BackendOptions. Whoever changes that says `rebuild`. */
  readonly isSuspect?: (backend: string, server: string) => boolean;
  /** Milliseconds of a clock that never goes back; absent: performance.now(). */
  readonly now?: () => number;
};

/** What the sources say of the key `alias` (kv-schema §9). */
export type AliasState = {
  /** The prefix that stands in for the configured one in the names of keys; absent: none. */
  readonly tree?: string;
  /** Why the alias is not obeyed, '' for no reason. */
  readonly aliasProblem: string;
};

/** An error of ours while an object is built costs that object, like a mistake in its keys. */
function isolated<Value>(key: string, build: () => Built<Value>): Built<Value> {
  try {
    return build();
  } catch (error) {
    return rejected(key, `an error inside tsuji: ${reasonOf(error)}`);
  }
}

function rejected(key: string, reason: string): Built<never> {
  return { value: null, problems: [{ key: shownKey(key), state: 'rejected', reason }] };
}

export class ModelBuilder {
  readonly #prefix: string;
  readonly #stored: StoredKeys;
  readonly #files: KnownFiles;
  readonly #toRebuild = new Set<string>();
  #backendOptions: BackendOptions;
  #frontendOptions: FrontendOptions;
  #certificateOptions: CertificateOptions;
  readonly #tree: KvTree;
  readonly #ruleWait: RuleWait;
  readonly #twins = new Twins();
  /** Which backends frontends name, whether those exist or not, and which other backends do. */
  readonly #frontendsByBackend = new Dependents();
  readonly #backendsByBackend = new Dependents();
  /** They have keys, and cannot be used. */
  readonly #backendsLeftOut = new Set<string>();
  /** Of the objects `backends/b`, `frontends/f`, `twins/f`, `tls/t` and `others/<key>`. */
  readonly #problems = new ProblemBook();
  readonly #refusals = new Refusals();
  /** It was not done to its end: the next one builds everything again. */
  #unfinished: NextModel | null = null;
  #model: LiveModel = {
    backends: new Map(),
    frontends: new Map(),
    certificates: new Map(),
    problems: this.#problems.shown,
  };

  constructor(settings: ModelSettings) {
    this.#prefix = settings.prefix;
    this.#stored = settings.stored ?? NO_STORED_KEYS;
    this.#files = settings.files ?? NO_FILES;
    this.#tree = new KvTree((key) => isKnownOther(key, this.#stored));
    this.#ruleWait = new RuleWait(settings.ruleWaitMs ?? 0, settings.now ?? (() => performance.now()));
    const { prefix, allowMinWeightZero, constraints = [], healthCheckIntervalMs = DEFAULT_INTERVAL_MS } = settings;
    const { isSuspect = () => false } = settings;
    this.#backendOptions = { prefix, allowMinWeightZero, constraints, healthCheckIntervalMs, isSuspect };
    this.#frontendOptions = {
      prefix: settings.prefix,
      entryPoints: new Set(settings.entryPoints),
      defaultEntryPoints: settings.defaultEntryPoints,
    };
    this.#certificateOptions = {
      prefix: settings.prefix,
      entryPoints: new Map(
        settings.entryPoints.map((name) => [name, settings.tlsEntryPoints?.includes(name) ?? false]),
      ),
    };
  }

  /** Those of one object, as the model has them. */
  keysOf(kind: 'backends' | 'frontends' | 'certificates', name: string): ObjectKeys {
    return this.#tree[kind].keys(name);
  }

  /** The model of all changes so far; empty before the first. */
  get model(): Model {
    return this.#model;
  }

  /** Names of frontends, also of such as are left out, that name that backend, be it in their options. */
  frontendsNaming(backend: string): Iterable<string> {
    return this.#frontendsByBackend.usersOf(backend);
  }

  /** `frontends/F` or `backends/B` is built anew with the next update: something beside their keys has changed. */
  rebuild(object: string): void {
    this.#toRebuild.add(object);
  }

  /** With the next update they are left out, until their keys change. */
  refuse(refusals: readonly Refusal[]): void {
    this.#refusals.add(refusals);
  }

  /**
   * Applies one batch. What stands in a key never makes it throw: that becomes a problem of the model. After an error all
   * the same it is called again with the same changes, and begins anew.
   */
  update(changes: Iterable<Change>, alias: AliasState = { aliasProblem: '' }): ModelUpdate {
    return atOnce(this.updating(changes, alias));
  }

  /**
   * The same, step by step. Until its end the maps of the model show some objects as they were and some as they will be, and
   * nothing else may be asked of the builder but to rebuild or refuse something with the next update.
   */
  *updating(changes: Iterable<Change>, alias: AliasState = { aliasProblem: '' }): Steps<ModelUpdate> {
    const touched = yield* applyInParts(this.#tree, changes);
    const next = new NextModel(this.#model, this.#problems, this.#unfinished);
    if (this.#unfinished !== null) this.#touchAll(touched);
    this.#unfinished = next;
    this.#callKeysBelow(alias.tree ?? this.#prefix, touched);
    this.#refusals.settle(touched);
    for (const name of this.#ruleWait.due()) touched.frontends.add(name);
    for (const object of this.#toRebuild) {
      const slash = object.indexOf('/');
      touched[object.slice(0, slash) as 'frontends' | 'backends'].add(object.slice(slash + 1));
    }
    this.#toRebuild.clear();
    yield* this.#buildBackends(touched, next);
    yield* this.#buildFrontends(touched, next);
    for (const name of touched.certificates) {
      yield;
      const { certificates } = this.#tree;
      const build = () => buildCertificate(name, certificates.keys(name), this.#certificateOptions);
      next.putCertificate(
        name,
        this.#withUnlisted('tls', name, certificates.unlisted(name), this.#build('tls', name, build)),
      );
    }
    yield* this.#judgeTwins(touched, next);
    yield* this.#judgeOthers(touched, next);
    this.#put(next, 'alias', `${this.#prefix}/alias`, 'rejected', alias.aliasProblem);
    if (next.hasChanged) this.#model = { ...this.#model };
    this.#unfinished = null;
    return next.finish(this.#model, this.#ruleWait.nextMs());
  }

  *#buildBackends({ backends: names, frontends: touchedFrontends }: Touched, next: NextModel): Steps<void> {
    const { backends } = this.#tree;
    const before = new Map<string, string>();
    /** They name others, of which not all have been looked at: they exist, and are built anew when all have. */
    const waiting = new Set<string>();
    const lackOf = (name: string): string => (waiting.has(name) ? '' : this.#backendLack(name, next.backends.map));
    const build = (name: string, mayWait: boolean): void => {
      const asked = new Set<string>();
      const others = {
        backendLack: (other: string): string => {
          asked.add(other);
          return lackOf(other);
        },
        keyOf: (other: string, key: string): string => {
          asked.add(other);
          return unescapeValue(backends.keys(other).get(key) ?? '');
        },
      };
      const make = () => {
        const known = { ...others, readFile: this.#filesOf(`backends/${name}`) };
        return buildBackend(name, backends.keys(name), this.#backendOptions, known);
      };
      const built = this.#build('backends', name, make);
      if (mayWait && asked.size > 0 && built.value !== null) {
        waiting.add(name);
        return;
      }
      next.putBackend(name, this.#withUnlisted('backends', name, backends.unlisted(name), built));
      if (built.value === null && backends.keys(name).size > 0) this.#backendsLeftOut.add(name);
      else this.#backendsLeftOut.delete(name);
      this.#backendsByBackend.link(name, asked);
    };
    for (const name of names) {
      yield;
      before.set(name, this.#backendLack(name, next.backends.map));
      build(name, true);
    }
    for (const name of names) for (const user of this.#backendsByBackend.usersOf(name)) waiting.add(user);
    for (const name of waiting) {
      yield;
      if (!before.has(name)) before.set(name, this.#backendLack(name, next.backends.map));
      build(name, false);
    }
    for (const [name, lack] of before) {
      yield;
      if (lack === this.#backendLack(name, next.backends.map)) continue;
      for (const frontend of this.#frontendsByBackend.usersOf(name)) touchedFrontends.add(frontend);
    }
  }

  *#buildFrontends({ frontends: names }: Touched, next: NextModel): Steps<void> {
    const { frontends } = this.#tree;
    for (const name of names) {
      yield;
      const named = new Set<string>();
      const backendLack = (backend: string): string => {
        named.add(backend);
        return this.#backendLack(backend, next.backends.map);
      };
      let lacksRule = false;
      const mayGetRule = (): boolean => {
        lacksRule = true;
        return this.#ruleWait.lacks(name);
      };
      const build = () => {
        const lastRoutes = this.#model.frontends.get(name)?.routes ?? [];
        const known = { backendLack, keyOf: () => '', readFile: this.#filesOf(`frontends/${name}`) };
        return buildFrontend(name, frontends.keys(name), known, this.#frontendOptions, {
          mayGetRule,
          lastRoutes,
        });
      };
      const built = this.#build('frontends', name, build);
      if (!lacksRule) this.#ruleWait.forget(name);
      next.putFrontend(name, this.#withUnlisted('frontends', name, frontends.unlisted(name), built));
      this.#frontendsByBackend.link(name, named);
    }
  }

  /** Why a frontend, or another backend, cannot use that one; '' when it can. */
  #backendLack(name: string, backends: ReadonlyMap<string, unknown>): string {
    if (backends.has(name)) return '';
    return this.#backendsLeftOut.has(name)
      ? `the backend ${quoted(name)} is left out: its own problems say why`
      : `there is no backend ${quoted(name)}: no key backends/${shortened(name, 100)}/servers/NAME/url is there (never written, or its TTL ran out)`;
  }

  *#judgeTwins({ frontends }: Touched, next: NextModel): Steps<void> {
    const toJudge = new Set<string>();
    for (const name of frontends) {
      yield;
      this.#twins.put(name, next.frontends.map.get(name) ?? null, toJudge);
    }
    for (const name of toJudge) {
      yield;
      const frontend = next.frontends.map.get(name);
      const route = frontend?.routes.at(0);
      const key = `${this.#keyOf('frontends', name)}/${route === undefined ? 'routes' : `routes/${route.name}/rule`}`;
      this.#put(next, `twins/${name}`, key, 'warned', frontend === undefined ? '' : this.#twins.reasonOf(frontend));
    }
  }

  /** Of an object that is built anew. */
  #filesOf(object: string): Known['readFile'] {
    this.#files.forget(object);
    return (path) => this.#files.read(path, object);
  }

  *#judgeOthers({ others }: Touched, next: NextModel): Steps<void> {
    const stored = this.#stored;
    for (const key of others) {
      yield;
      const value = this.#tree.other(key);
      let reason = '';
      try {
        reason = value === undefined ? '' : describeOther(key, value, stored);
      } catch (error) {
        reason = `an error inside tsuji: ${reasonOf(error)}`;
      }
      const escaped = escapedName(key);
      const state = escaped === null ? 'ignored' : 'rejected';
      this.#put(next, `others/${key}`, `${this.#prefix}/${escaped ?? key}`, state, reason);
    }
    const { unlistedOthers } = this.#tree;
    const more =
      unlistedOthers === 0 ? '' : `${unlistedOthers} more keys outside backends, frontends and tls are unknown`;
    this.#put(next, 'others', `${this.#prefix}/`, 'ignored', more);
  }

  /** `reason` '': there is no problem. */
  #put(next: NextModel, object: string, key: string, state: Problem['state'], reason: string): void {
    next.putProblems(object, reason === '' ? [] : [{ key: shownKey(key), state, reason }]);
  }

  #keyOf(kind: string, name: string): string {
    return `${this.#backendOptions.prefix}/${kind}/${name}`;
  }

  #build<Value>(kind: string, name: string, build: () => Built<Value>): Built<Value> {
    const refusal = this.#refusals.reasonOf(kind, name);
    return refusal === undefined
      ? isolated(this.#keyOf(kind, name), build)
      : rejected(this.#keyOf(kind, name), refusal);
  }

  #withUnlisted<Value>(kind: string, name: string, unlisted: number, built: Built<Value>): Built<Value> {
    if (unlisted === 0) return built;
    const key = shownKey(`${this.#keyOf(kind, name)}/`);
    return {
      ...built,
      problems: [...built.problems, { key, state: 'ignored', reason: `${unlisted} more keys are unknown` }],
    };
  }

  #touchAll(touched: Touched): void {
    const kinds = ['backends', 'frontends', 'certificates'] as const;
    for (const kind of kinds) {
      for (const name of this.#tree[kind].names()) touched[kind].add(name);
      for (const name of this.#model[kind].keys()) touched[kind].add(name);
    }
  }

  /** Problems name keys as an operator would type them: after a move of the tree what has some is built again. */
  #callKeysBelow(prefix: string, touched: Touched): void {
    if (prefix === this.#backendOptions.prefix) return;
    this.#backendOptions = { ...this.#backendOptions, prefix };
    this.#frontendOptions = { ...this.#frontendOptions, prefix };
    this.#certificateOptions = { ...this.#certificateOptions, prefix };
    for (const name of this.#tree.certificates.names()) touched.certificates.add(name);
    for (const object of this.#problems.objects()) {
      const [kind, name] = object.split(/\/(.*)/s);
      if (kind === 'backends' || kind === 'frontends') touched[kind].add(name);
      if (kind === 'twins') touched.frontends.add(name);
    }
  }
}
