/** Keeps the status of one source and tells the sink when it changes. */
import type { Recalled, SourceName, SourceSink, SourceStatus } from './source.ts';

export class StatusKeeper {
  #status: SourceStatus;
  #sink: SourceSink | null = null;

  constructor(name: SourceName) {
    this.#status = { name, state: 'connecting', revision: '', confirmedAt: 0, restarts: 0, error: '' };
  }

  get current(): SourceStatus {
    return this.#status;
  }

  attach(sink: SourceSink): void {
    this.#sink = sink;
  }

  /** The keys of an earlier run are in force. */
  recalled({ revision, confirmedAt, tree, aliasProblem = '' }: Recalled): void {
    this.aliased(tree ?? null, aliasProblem);
    this.#change({ revision, confirmedAt, state: 'stale', remembered: true });
  }

  /**
   * `tree`: in whose place of the prefix the keys are read, null for none; `problem`: of the alias, '' for none. True when
   * that is another one than before.
   */
  aliased(tree: string | null, problem: string): boolean {
    const isElsewhere = (this.#status.tree ?? null) !== tree;
    const { tree: _tree, aliasProblem: _problem, ...rest } = this.#status;
    this.#status = {
      ...rest,
      ...(tree === null ? {} : { tree }),
      ...(problem === '' ? {} : { aliasProblem: problem }),
    };
    this.#sink?.statusChanged(this.#status.name);
    return isElsewhere;
  }

  /** The store has just confirmed that `revision` is all there is. `error`: a trouble that leaves the source live. */
  confirmed(revision: string, error = ''): void {
    const { remembered: _remembered, ...rest } = this.#status;
    this.#status = rest;
    this.#change({ state: 'live', revision, confirmedAt: Date.now(), error });
  }

  /** The store cannot be followed. What it last gave stays in force. */
  failed(error: string): void {
    const { state, restarts } = this.#status;
    // What was not offered is not missed while nothing answers.
    if (state === 'absent') this.#change({ error });
    else if (this.#status.revision === '') this.#change({ state: 'connecting', error });
    else this.#change({ state: 'stale', error, restarts: state === 'live' ? restarts + 1 : restarts });
  }

  /** The store answers but does not offer this API, and never did. */
  absent(): void {
    this.#change({ state: 'absent', error: '' });
  }

  #change(fields: Partial<SourceStatus>): void {
    this.#status = { ...this.#status, ...fields };
    this.#sink?.statusChanged(this.#status.name);
  }
}
