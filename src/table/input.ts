/**
 * What the table writer is given: the model with names resolved to numbers. Plain data, because it crosses into a
 * piscina thread as JSON.
 */
import type { MatchTerm, PathModifiers } from '../rule/terms.ts';
import type { BackendPolicy, MiddlewareOptions } from './options.ts';

export type TableServer = {
  readonly name: string;
  /** See src/shared/slots.ts: the number of this server that outlives generations. */
  readonly slot: number;
  readonly url: string;
  readonly scheme: 'http' | 'https' | 'h2c';
  readonly host: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly weight: number;
};

export type TableBackend = {
  readonly name: string;
  readonly slot: number;
  readonly servers: readonly TableServer[];
  /** Requests in flight per connection to a server; 0: as `--upstream.pipelining` says. */
  readonly pipelining: number;
  readonly policy?: BackendPolicy;
  /** Names of the backends that its options name; those that there are not are left out. Absent: none. */
  readonly otherBackends?: readonly string[];
};

export type TableFrontend = {
  readonly name: string;
  /** Index into `backends`. */
  readonly backend: number;
  /** Higher is tried first; ties go by name, ascending (shared/spec rules §9). */
  readonly rank: number;
  /** Bit i: served on entrypoint i. */
  readonly entryPoints: number;
  readonly passHostHeader: boolean;
  readonly terms: readonly MatchTerm[];
  /** Absent: paths are forwarded as they came. */
  readonly modifiers?: PathModifiers;
  readonly options?: MiddlewareOptions;
  /** Indexes of the backends that its options name. Absent: none. */
  readonly otherBackends?: readonly number[];
};

/** A frontend that names its backends. */
export type NamedFrontend = Omit<TableFrontend, 'backend' | 'otherBackends'> & {
  readonly backend: string;
  readonly otherBackends?: readonly string[];
};

/** A step: what is new, different or gone. */
export type TableChange = {
  readonly generation: number;
  readonly backends: readonly TableBackend[];
  readonly frontends: readonly NamedFrontend[];
  readonly goneBackends: readonly string[];
  readonly goneFrontends: readonly string[];
};

/** What workers route by: a base, and what has changed since it was made; null: nothing. */
export type Tables = {
  readonly base: SharedArrayBuffer;
  readonly overlay: SharedArrayBuffer | null;
};

export type TableInput = {
  readonly generation: number;
  readonly backends: readonly TableBackend[];
  /** In any order. */
  readonly frontends: readonly TableFrontend[];
};
