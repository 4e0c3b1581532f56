/**
 * What was told since the base was made → an overlay of it. While there is no base, what was told is all there is, and the
 * table is a base itself.
 *
 *     TableChange ─▶ builder: what was told, Written ─▶ Tables
 *     (a base with all that is in an overlay) ─▶ rebase: what was told up to that one is forgotten
 */
import { TsujiError } from '../kernel/errors.ts';
import { BaseTable } from './base.ts';
import type { NamedFrontend, TableBackend, TableChange, Tables } from './input.ts';
import { Written } from './written.ts';

/** From so many times its size when all was written anew on, and not below so many words, all is written anew. */
const GROWTH = 1.5;
const SMALL_WORDS = 65_536;

/** `value` null: it is gone, and the base, or one that is being made, may have it. */
type Told<Value> = { readonly value: Value | null; readonly generation: number };

export class TableBuilder {
  private base: BaseTable | null;
  private readonly backends = new Map<string, Told<TableBackend>>();
  private readonly frontends = new Map<string, Told<NamedFrontend>>();
  /** null: it must be written from what was told. */
  private written: Written | null = null;
  private sizeAtRewrite = 0;
  /** Of a step that comes in parts: backends that name others, which may come later; null: none does. */
  private naming: TableBackend[] | null = null;

  constructor(base: SharedArrayBuffer | null = null) {
    this.base = base === null ? null : new BaseTable(base);
  }

  /** Objects that were told since the base. */
  get size(): number {
    return this.backends.size + this.frontends.size;
  }

  /** Of the base, 0 for none. */
  get baseGeneration(): number {
    return this.base?.generation ?? 0;
  }

  /** The base, null for none. */
  get baseBuffer(): SharedArrayBuffer | null {
    return this.base?.sections.buffer ?? null;
  }

  /** A part of a very large step, of which `apply` gets the last. What cannot be written by itself is left to that. */
  take(change: TableChange): void {
    const written = this.written ?? (this.size === 0 ? new Written(this.base) : null);
    this.written = null;
    this.naming ??= [];
    this.tell(change);
    if (written === null) return;
    const isNaming = ({ otherBackends = [] }: TableBackend): boolean => otherBackends.length > 0;
    const naming = change.backends.filter(isNaming);
    this.naming.push(...naming);
    written.announceBackends(naming.map(({ name }) => name));
    try {
      this.step(written, { ...change, backends: change.backends.filter((backend) => !isNaming(backend)) });
    } catch {
      return;
    }
    this.written = written;
  }

  /** Remembers it, for `tables`. */
  private tell({ generation, backends, frontends, goneBackends, goneFrontends }: TableChange): void {
    for (const name of goneBackends) this.forget(this.backends, name, this.base?.backend(name) ?? -1, generation);
    for (const name of goneFrontends) this.forget(this.frontends, name, this.base?.frontend(name) ?? -1, generation);
    for (const backend of backends) this.backends.set(backend.name, { value: backend, generation });
    for (const frontend of frontends) this.frontends.set(frontend.name, { value: frontend, generation });
  }

  /**
   * The tables after a step. Throws TsujiError UNKNOWN_BACKEND for a frontend whose backend there is not, and
   * TABLE_TOO_LARGE; what was told stays told.
   */
  apply(change: TableChange): Tables {
    const { written, naming } = this;
    // Whatever fails below leaves half a step behind.
    this.written = null;
    this.naming = null;
    this.tell(change);
    if (written !== null && naming !== null) {
      this.step(written, { ...change, backends: [...naming, ...change.backends] });
      this.sizeAtRewrite = written.sections.size;
      this.written = written;
    } else if (written !== null && written.sections.size <= this.sizeAtRewrite * GROWTH + SMALL_WORDS) {
      this.step(written, change);
      this.written = written;
    }
    return this.tables(change.generation);
  }

  /** Those of all that was told. Throws as `apply`. */
  tables(generation: number): Tables {
    const written = this.written ?? this.rewritten();
    this.written = null;
    const table = written.table(generation);
    this.written = written;
    return this.base === null ? { base: table, overlay: null } : { base: this.base.sections.buffer, overlay: table };
  }

  /** The last tables cannot be used: they are written anew. */
  discard(): void {
    this.written = null;
  }

  /** From now on: a base that has all that was told up to its generation. One that is older than what there is is not taken. */
  rebase(buffer: SharedArrayBuffer): void {
    const base = new BaseTable(buffer);
    if (base.generation <= this.baseGeneration) return;
    this.base = base;
    this.written = null;
    for (const told of [this.backends, this.frontends]) {
      for (const [name, { generation }] of told) if (generation <= base.generation) told.delete(name);
    }
  }

  /** All that was told since the base as one step. */
  all(generation: number): TableChange {
    const values = <Value>(told: ReadonlyMap<string, Told<Value>>) =>
      [...told.values()].flatMap((each) => each.value ?? []);
    const gone = (told: ReadonlyMap<string, Told<unknown>>) =>
      [...told].flatMap(([name, each]) => (each.value === null ? [name] : []));
    return {
      generation,
      backends: values(this.backends),
      frontends: values(this.frontends),
      goneBackends: gone(this.backends),
      goneFrontends: gone(this.frontends),
    };
  }

  /**
   * Of all that was told only this is left. A backend that is not stays as the base has it, for those of the base that use
   * it; a frontend that is not is gone.
   */
  keepOnly({ generation, backends, frontends }: TableChange): void {
    const backendNames = new Set(backends.map(({ name }) => name));
    const frontendNames = new Set(frontends.map(({ name }) => name));
    for (const [name, { value }] of this.backends) {
      if (value !== null && !backendNames.has(name)) this.backends.delete(name);
    }
    for (const [name, { value }] of this.frontends) {
      if (value === null || frontendNames.has(name)) continue;
      this.forget(this.frontends, name, this.base?.frontend(name) ?? -1, generation);
    }
    this.written = null;
  }

  private forget<Value>(told: Map<string, Told<Value>>, name: string, inBase: number, generation: number): void {
    if (inBase >= 0 || told.has(name)) told.set(name, { value: null, generation });
    else told.delete(name);
  }

  private step(written: Written, { generation, goneFrontends, goneBackends, backends, frontends }: TableChange): void {
    for (const name of goneFrontends) written.dropFrontend(name);
    for (const { name } of frontends) written.dropFrontend(name);
    for (const name of goneBackends) written.dropBackend(name, generation);
    written.putBackends(backends, generation);
    for (const frontend of frontends) putFrontend(written, frontend, generation);
  }

  private rewritten(): Written {
    const written = new Written(this.base);
    for (const [name, { value, generation }] of this.backends)
      if (value === null) written.dropBackend(name, generation);
    const told = [...this.backends.values()].filter(({ value }) => value !== null);
    // They may name each other, so all are known before any is written.
    written.announceBackends(told.map(({ value }) => value!.name));
    for (const { value, generation } of told) written.putBackends([value!], generation);
    for (const [name, { value, generation }] of this.frontends) {
      if (value === null) written.dropFrontend(name);
      else putFrontend(written, value, generation);
    }
    this.sizeAtRewrite = written.sections.size;
    return written;
  }
}

function putFrontend(written: Written, { otherBackends = [], ...frontend }: NamedFrontend, version: number): void {
  const refOf = (backend: string): number => {
    const ref = written.backendRef(backend);
    if (ref !== undefined) return ref;
    throw new TsujiError('UNKNOWN_BACKEND', `frontend ${frontend.name} has no backend ${backend}`);
  };
  written.putFrontend(frontend, refOf(frontend.backend), otherBackends.map(refOf), version);
}
