/** One update of the model in the making: what it puts, and what of that differs from before. */
import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../kernel/problems.ts';
import type { Built } from './built.ts';
import type { Backend, ConfiguredCertificate, Frontend, Model } from './model.ts';
import type { ProblemBook } from './problem-book.ts';

/** Name → what there was before of an object that is new, different or gone; null: nothing. */
export type Changed<Value> = ReadonlyMap<string, Value | null>;

export type ModelUpdate = {
  /** The same object as before when nothing of it changed. */
  readonly model: Model;
  readonly backends: Changed<Backend>;
  readonly frontends: Changed<Frontend>;
  readonly certificates: Changed<ConfiguredCertificate>;
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

/** A map of the model that is changed in place, and what of it was. */
class NextMap<Value> {
  readonly map: Map<string, Value>;
  readonly changed: Map<string, Value | null>;
  readonly #isRepeated: boolean;

  constructor(map: Map<string, Value>, unfinished: NextMap<Value> | undefined) {
    this.map = map;
    this.changed = unfinished?.changed ?? new Map();
    this.#isRepeated = unfinished !== undefined;
  }

  /** Sets or, with null, deletes; nothing has changed when the value is deeply equal to the one that is there. */
  put(key: string, value: Value | null): void {
    const old = this.map.get(key);
    const isSame = value === null ? old === undefined : old !== undefined && isDeepStrictEqual(old, value);
    if (isSame && !this.#isRepeated) return;
    if (!this.changed.has(key)) this.changed.set(key, old ?? null);
    if (value === null) this.map.delete(key);
    else this.map.set(key, value);
  }
}

export class NextModel {
  readonly backends: NextMap<Backend>;
  readonly frontends: NextMap<Frontend>;
  readonly certificates: NextMap<ConfiguredCertificate>;
  readonly #problems: ProblemBook;
  readonly #appeared: Problem[] = [];
  readonly #mended: Problem[] = [];

  /** `unfinished`: an update that failed, which this one repeats: nobody was told of it, so that all that is put counts as different. */
  constructor(old: LiveModel, problems: ProblemBook, unfinished: NextModel | null) {
    this.backends = new NextMap(old.backends, unfinished?.backends);
    this.frontends = new NextMap(old.frontends, unfinished?.frontends);
    this.certificates = new NextMap(old.certificates, unfinished?.certificates);
    this.#problems = problems;
  }

  putBackend(name: string, built: Built<Backend>): void {
    this.backends.put(name, built.value);
    this.putProblems(`backends/${name}`, built.problems);
  }

  putFrontend(name: string, built: Built<Frontend>): void {
    this.frontends.put(name, built.value);
    this.putProblems(`frontends/${name}`, built.problems);
  }

  putCertificate(name: string, built: Built<ConfiguredCertificate>): void {
    this.certificates.put(name, built.value);
    this.putProblems(`tls/${name}`, built.problems);
  }

  /** Replaces the problems of one object. */
  putProblems(object: string, problems: readonly Problem[]): void {
    this.#problems.put(object, problems, { appeared: this.#appeared, mended: this.#mended });
  }

  get hasChanged(): boolean {
    const maps = [this.backends, this.frontends, this.certificates];
    return maps.some((map) => map.changed.size > 0) || this.#appeared.length + this.#mended.length > 0;
  }

  finish(model: Model, dueInMs: number | null): ModelUpdate {
    return {
      model,
      backends: this.backends.changed,
      frontends: this.frontends.changed,
      certificates: this.certificates.changed,
      appeared: this.#appeared,
      mended: this.#mended,
      dueInMs,
    };
  }
}
