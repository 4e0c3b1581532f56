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
import { isDeepStrictEqual } from 'node:util';
import type { Constraint } from '../kernel/constraints.ts';
import { type Problem, unknownReason } from '../kernel/problems.ts';
import { type BackendOptions, buildBackend } from './build-backend.ts';
import { buildCertificate, type CertificateOptions } from './build-certificate.ts';
import { buildFrontend, type FrontendOptions } from './build-frontend.ts';
import type { Built } from './built.ts';
import { DEFAULT_INTERVAL_MS } from './health-keys.ts';
import { type Change, KvTree, type Touched } from './kv-tree.ts';
import type { Backend, ConfiguredCertificate, Frontend, Model } from './model.ts';
import { OTHER_KEYS } from './schema.ts';

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
  /** What is known of the settings of tsuji itself that stand among the keys; absent: nothing. */
  readonly stored?: StoredKeys;
};

/** Settings of tsuji itself as keys (kv-schema §12). They are read at the start, and here only talked about. */
export type StoredKeys = {
  /** First parts of such keys, in lower case. */
  readonly sections: ReadonlySet<string>;
  /** Why this key with this value is not in force, '' when it is. */
  problemOf(key: string, value: string): string;
};

const NO_STORED_KEYS: StoredKeys = { sections: new Set(), problemOf: () => '' };

/** What the sources say of the key `alias` (kv-schema §9). */
export type AliasState = {
  /** The prefix that stands in for the configured one in the names of keys; absent: none. */
  readonly tree?: string;
  /** Why the alias is not obeyed, '' for no reason. */
  readonly aliasProblem: string;
};

export type ModelUpdate = {
  /** The same object as before when nothing of it changed. */
  readonly model: Model;
  /** Names of the backends that are new, different or gone. */
  readonly backends: ReadonlySet<string>;
  /** Names of the frontends that are new, different or gone. */
  readonly frontends: ReadonlySet<string>;
  /** Names of the certificates that are new, different or gone. */
  readonly certificates: ReadonlySet<string>;
  /** Problems that are new, or that have another state or reason than before. */
  readonly appeared: readonly Problem[];
  /** Keys that had a problem and have none any more. */
  readonly mended: readonly Problem[];
};

type LiveModel = {
  readonly backends: Map<string, Backend>;
  readonly frontends: Map<string, Frontend>;
  readonly certificates: Map<string, ConfiguredCertificate>;
  readonly problems: Map<string, Problem>;
};

function describeOther(key: string, value: string, stored: StoredKeys): string {
  const first = key.split('/', 1)[0];
  // Traefik reads the names of its own settings in any case.
  if (stored.sections.has(first.toLowerCase())) return stored.problemOf(key, value);
  const known = OTHER_KEYS.get(first.toLowerCase());
  if (known !== undefined) return known;
  if (key.endsWith('/')) return '';
  if (first === 'backends' || first === 'frontends') {
    return `no key of a ${first.slice(0, -1)}: it must be ${first}/NAME/…`;
  }
  if (first === 'tls') return 'no key of a certificate: it must be tls/NAME/…';
  return unknownReason(first, ['backends', 'frontends', 'tls', ...OTHER_KEYS.keys(), ...stored.sections]);
}

/** A map of the model that is changed in place, and whether it was. */
class NextMap<Value> {
  readonly map: Map<string, Value>;
  hasChanged = false;

  constructor(map: Map<string, Value>) {
    this.map = map;
  }

  /** Sets or, with null, deletes; false when the value is deeply equal to the one that is there. */
  put(key: string, value: Value | null): boolean {
    const old = this.map.get(key);
    if (value === null ? old === undefined : old !== undefined && isDeepStrictEqual(old, value)) return false;
    if (value === null) this.map.delete(key);
    else this.map.set(key, value);
    this.hasChanged = true;
    return true;
  }
}

export class ModelBuilder {
  readonly #prefix: string;
  readonly #stored: StoredKeys;
  #backendOptions: BackendOptions;
  #frontendOptions: FrontendOptions;
  #certificateOptions: CertificateOptions;
  readonly #tree = new KvTree();
  /** Backend name → names of the frontends that name it, whether it exists or not. */
  readonly #frontendsOf = new Map<string, Set<string>>();
  /** Frontend name → the backends that it names. */
  readonly #backendsOf = new Map<string, ReadonlySet<string>>();
  /** Object (`backends/b`, `frontends/f`, `tls/t`, `others/<key>`) → keys of its problems. */
  readonly #problemKeys = new Map<string, readonly string[]>();
  #model: LiveModel = { backends: new Map(), frontends: new Map(), certificates: new Map(), problems: new Map() };

  constructor(settings: ModelSettings) {
    this.#prefix = settings.prefix;
    this.#stored = settings.stored ?? NO_STORED_KEYS;
    const { prefix, allowMinWeightZero, constraints = [], healthCheckIntervalMs = DEFAULT_INTERVAL_MS } = settings;
    this.#backendOptions = { prefix, allowMinWeightZero, constraints, healthCheckIntervalMs };
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

  /** The model of all changes so far; empty before the first. */
  get model(): Model {
    return this.#model;
  }

  /** Applies one batch. Never throws for what stands in a key: that becomes a problem of the model. */
  update(changes: Iterable<Change>, alias: AliasState = { aliasProblem: '' }): ModelUpdate {
    const touched = this.#tree.apply(changes);
    this.#callKeysBelow(alias.tree ?? this.#prefix, touched);
    const next = new NextModel(this.#model, this.#problemKeys);
    const frontends = touched.frontends;

    for (const name of touched.backends) {
      const existed = this.#model.backends.has(name);
      next.putBackend(name, buildBackend(name, this.#tree.backend(name), this.#backendOptions));
      if (existed === next.backends.map.has(name)) continue;
      for (const frontend of this.#frontendsOf.get(name) ?? []) frontends.add(frontend);
    }
    for (const name of frontends) {
      const named = new Set<string>();
      const backendExists = (backend: string): boolean => {
        named.add(backend);
        return next.backends.map.has(backend);
      };
      next.putFrontend(name, buildFrontend(name, this.#tree.frontend(name), backendExists, this.#frontendOptions));
      this.#link(name, named);
    }
    for (const name of touched.certificates) {
      next.putCertificate(name, buildCertificate(name, this.#tree.certificate(name), this.#certificateOptions));
    }
    for (const key of touched.others) {
      const value = this.#tree.other(key);
      const reason = value === undefined ? '' : describeOther(key, value, this.#stored);
      next.putProblems(
        `others/${key}`,
        reason === '' ? [] : [{ key: `${this.#prefix}/${key}`, state: 'ignored', reason }],
      );
    }

    const { aliasProblem } = alias;
    next.putProblems(
      'alias',
      aliasProblem === '' ? [] : [{ key: `${this.#prefix}/alias`, state: 'rejected', reason: aliasProblem }],
    );

    if (next.hasChanged) this.#model = { ...this.#model };
    return next.finish(this.#model);
  }

  /** Problems name keys as an operator would type them: after a move of the tree what has some is built again. */
  #callKeysBelow(prefix: string, touched: Touched): void {
    if (prefix === this.#backendOptions.prefix) return;
    this.#backendOptions = { ...this.#backendOptions, prefix };
    this.#frontendOptions = { ...this.#frontendOptions, prefix };
    this.#certificateOptions = { ...this.#certificateOptions, prefix };
    for (const name of this.#tree.certificateNames()) touched.certificates.add(name);
    for (const object of this.#problemKeys.keys()) {
      const [kind, name] = object.split(/\/(.*)/s);
      if (kind === 'backends' || kind === 'frontends') touched[kind].add(name);
    }
  }

  #link(frontend: string, backends: ReadonlySet<string>): void {
    for (const old of this.#backendsOf.get(frontend) ?? []) {
      if (backends.has(old)) continue;
      const users = this.#frontendsOf.get(old)!;
      users.delete(frontend);
      if (users.size === 0) this.#frontendsOf.delete(old);
    }
    for (const backend of backends) {
      const users = this.#frontendsOf.get(backend);
      if (users === undefined) this.#frontendsOf.set(backend, new Set([frontend]));
      else users.add(frontend);
    }
    if (backends.size === 0) this.#backendsOf.delete(frontend);
    else this.#backendsOf.set(frontend, backends);
  }
}

/** One update in the making. */
class NextModel {
  readonly backends: NextMap<Backend>;
  readonly frontends: NextMap<Frontend>;
  readonly #certificates: NextMap<ConfiguredCertificate>;
  readonly #problems: NextMap<Problem>;
  readonly #problemKeys: Map<string, readonly string[]>;
  readonly #changedBackends = new Set<string>();
  readonly #changedFrontends = new Set<string>();
  readonly #changedCertificates = new Set<string>();
  readonly #appeared: Problem[] = [];
  readonly #mended: Problem[] = [];

  constructor(old: LiveModel, problemKeys: Map<string, readonly string[]>) {
    this.backends = new NextMap(old.backends);
    this.frontends = new NextMap(old.frontends);
    this.#certificates = new NextMap(old.certificates);
    this.#problems = new NextMap(old.problems);
    this.#problemKeys = problemKeys;
  }

  putBackend(name: string, built: Built<Backend>): void {
    if (this.backends.put(name, built.value)) this.#changedBackends.add(name);
    this.putProblems(`backends/${name}`, built.problems);
  }

  putFrontend(name: string, built: Built<Frontend>): void {
    if (this.frontends.put(name, built.value)) this.#changedFrontends.add(name);
    this.putProblems(`frontends/${name}`, built.problems);
  }

  putCertificate(name: string, built: Built<ConfiguredCertificate>): void {
    if (this.#certificates.put(name, built.value)) this.#changedCertificates.add(name);
    this.putProblems(`tls/${name}`, built.problems);
  }

  /** Replaces the problems of one object. */
  putProblems(object: string, problems: readonly Problem[]): void {
    const keys = new Set(problems.map((problem) => problem.key));
    for (const key of this.#problemKeys.get(object) ?? []) {
      if (keys.has(key)) continue;
      this.#mended.push(this.#problems.map.get(key)!);
      this.#problems.put(key, null);
    }
    for (const problem of problems) {
      if (this.#problems.put(problem.key, problem)) this.#appeared.push(problem);
    }
    if (keys.size === 0) this.#problemKeys.delete(object);
    else this.#problemKeys.set(object, [...keys]);
  }

  get hasChanged(): boolean {
    const maps = [this.backends, this.frontends, this.#certificates, this.#problems];
    return maps.some((map) => map.hasChanged);
  }

  finish(model: Model): ModelUpdate {
    return {
      model,
      backends: this.#changedBackends,
      frontends: this.#changedFrontends,
      certificates: this.#changedCertificates,
      appeared: this.#appeared,
      mended: this.#mended,
    };
  }
}
