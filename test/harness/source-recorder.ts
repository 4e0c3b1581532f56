/** A sink that remembers what a source told it, for tests. */
import type { Change, Source, SourceName, SourceSink, SourceState } from '../../src/control/source/source.ts';
import { waitFor } from './tools.ts';

export type Told =
  | { readonly kind: 'snapshot'; readonly revision: string; readonly entries: ReadonlyMap<string, string> }
  | { readonly kind: 'changes'; readonly revision: string; readonly changes: readonly Change[] };

export class SourceRecorder implements SourceSink {
  readonly told: Told[] = [];
  /** The keys as somebody has them who did all that was told. */
  readonly keys = new Map<string, string>();
  /** Directories of backends, which etcd v2 alone has, each with the slash at its end. */
  readonly directories = new Set<string>();
  readonly states: SourceState[] = [];
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  snapshot(_name: SourceName, revision: string, entries: ReadonlyMap<string, string>): void {
    this.told.push({ kind: 'snapshot', revision, entries });
    this.keys.clear();
    this.directories.clear();
    for (const [key, value] of entries) this.#set(key, value);
  }

  changes(_name: SourceName, revision: string, changes: readonly Change[]): void {
    this.told.push({ kind: 'changes', revision, changes });
    for (const { key, value } of changes) this.#set(key, value);
  }

  #set(key: string, value: string | null): void {
    const isDirectory = key.endsWith('/');
    if (isDirectory && value !== null) this.directories.add(key);
    else if (isDirectory) this.directories.delete(key);
    else if (value === null) this.keys.delete(key);
    else this.keys.set(key, value);
  }

  statusChanged(): void {
    const { state } = this.#source.status();
    if (this.states.at(-1) !== state) this.states.push(state);
  }

  snapshots(): readonly Told[] {
    return this.told.filter(({ kind }) => kind === 'snapshot');
  }

  /** All values that `key` was given, one after the other, by changes. */
  valuesOf(key: string): (string | null)[] {
    const changes = this.told.flatMap((told) => (told.kind === 'changes' ? told.changes : []));
    return changes.filter((change) => change.key === key).map(({ value }) => value);
  }

  /** Waits until `key` has `value`; undefined: until it is gone. */
  async has(key: string, value: string | undefined): Promise<void> {
    await waitFor(() => this.keys.get(key) === value, `${key} = ${value} (it is ${this.keys.get(key)})`);
  }

  async inState(state: SourceState): Promise<void> {
    const { error } = this.#source.status();
    await waitFor(() => this.#source.status().state === state, `state ${state}; ${error}`);
  }
}
