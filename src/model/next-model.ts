/** One update of the model in the making: what it puts, and what of that differs from before. */
import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../kernel/problems.ts';
import type { Built } from './built.ts';
import type { Backend, ConfiguredCertificate, Frontend, Model } from './model.ts';
import type { ProblemBook } from './problem-book.ts';

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
  /** Milliseconds after which there is more to do though nothing changes; null: there is not. */
  readonly dueInMs: number | null;
};

export type LiveModel = {
  readonly backends: Map<string, Backend>;
  readonly frontends: Map<string, Frontend>;
  readonly certificates: Map<string, ConfiguredCertificate>;
  readonly problems: ReadonlyMap<string, Problem>;
};

/** A map of the model that is changed in place, and whether it was. */
class NextMap<Value> {
  readonly map: Map<string, Value>;
  hasChanged = false;
  readonly #isRepeated: boolean;

  constructor(map: Map<string, Value>, isRepeated: boolean) {
    this.map = map;
    this.#isRepeated = isRepeated;
  }

  /** Sets or, with null, deletes; false when the value is deeply equal to the one that is there. */
  put(key: string, value: Value | null): boolean {
    const old = this.map.get(key);
    if (this.#isRepeated) this.hasChanged = true;
    else if (value === null ? old === undefined : old !== undefined && isDeepStrictEqual(old, value)) return false;
    if (value === null) this.map.delete(key);
    else this.map.set(key, value);
    this.hasChanged = true;
    return true;
  }
}

export class NextModel {
  readonly backends: NextMap<Backend>;
  readonly frontends: NextMap<Frontend>;
  readonly #certificates: NextMap<ConfiguredCertificate>;
  readonly #problems: ProblemBook;
  readonly #changedBackends = new Set<string>();
  readonly #changedFrontends = new Set<string>();
  readonly #changedCertificates = new Set<string>();
  readonly #appeared: Problem[] = [];
  readonly #mended: Problem[] = [];

  /** `isRepeated`: nobody knows what an update before has changed, so that all that is put counts as different. */
  constructor(old: LiveModel, problems: ProblemBook, isRepeated: boolean) {
    this.backends = new NextMap(old.backends, isRepeated);
    this.frontends = new NextMap(old.frontends, isRepeated);
    this.#certificates = new NextMap(old.certificates, isRepeated);
    this.#problems = problems;
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
    this.#problems.put(object, problems, { appeared: this.#appeared, mended: this.#mended });
  }

  get hasChanged(): boolean {
    const maps = [this.backends, this.frontends, this.#certificates];
    return maps.some((map) => map.hasChanged) || this.#appeared.length + this.#mended.length > 0;
  }

  finish(model: Model, dueInMs: number | null): ModelUpdate {
    return {
      model,
      backends: this.#changedBackends,
      frontends: this.#changedFrontends,
      certificates: this.#changedCertificates,
      appeared: this.#appeared,
      mended: this.#mended,
      dueInMs,
    };
  }
}
