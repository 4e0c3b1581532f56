/** A request that nobody has sent, and what a worker says would become of it (src/data/explain/). Plain data: it crosses threads. */

export type ExplainedRequest = {
  /** Index. */
  readonly entryPoint: number;
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  /** null: it has none. */
  readonly host: string | null;
  /** Lower-case names, without `host`. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Address of its client. */
  readonly client: string;
};

/** An answer of ours. */
export type ExplainedReply = {
  readonly status: number;
  /** As in the access log. */
  readonly cause: string;
  /** Where a redirect leads, '' for none. */
  readonly location: string;
};

/** A middleware that a request passes, or at which it ends. */
export type ExplainedStep = {
  /** Of its options; `modifiers` for those of the path. */
  readonly kind: string;
  readonly of: 'entrypoint' | 'frontend' | 'backend';
  /** What it does to this request, one sentence or part of one each. */
  readonly does: readonly string[];
  /** null: the request goes on. */
  readonly reply: ExplainedReply | null;
  /** False: that depends on what cannot be known beforehand, and `does` says on what. */
  readonly isCertain: boolean;
};

/** A frontend of the host that a request has. */
export type ExplainedTry = {
  readonly frontend: string;
  /** '' for one that matches; `host` and others as in src/table/tried.ts. */
  readonly no: string;
  readonly wants: readonly string[];
};

export type ExplainedServer = {
  readonly name: string;
  readonly url: string;
  readonly weight: number;
  /** As it counts now, 0 for one that gets nothing. */
  readonly effectiveWeight: number;
  readonly state: 'in rotation' | 'failing' | 'not used' | 'draining' | 'suspect' | 'down' | 'ejected' | 'on trial';
  readonly inFlight: number;
  /** Tries that have failed since the last that was answered. */
  readonly failures: number;
  /** That it gets this request, 0 to 1. */
  readonly chance: number;
  /** Why it gets it, or why it does not. */
  readonly why: string;
};

/** What the limit of requests in progress is to a request (`maxconn`). */
export type ExplainedLimit = {
  /** Whose requests are counted together with it, as far as that may be shown. */
  readonly source: string;
  /** That may be in progress, and that are. */
  readonly most: number;
  readonly inProgress: number;
  /** Of all sources: that may wait, and that do. */
  readonly places: number;
  readonly waiting: number;
  /** For so long at most, milliseconds. */
  readonly timeoutMs: number;
  readonly becomes: 'let in' | 'waits' | 'refused';
};

export type ExplainedBackend = {
  readonly name: string;
  /** Those that it stands in for, the frontend's own first. */
  readonly standsInFor: readonly string[];
  readonly method: string;
  readonly breaker: 'none' | 'standby' | 'tripped' | 'recovering';
  /** Servers that it may be tried with, one after the other. */
  readonly tries: number;
  /** null: there is none. */
  readonly limit: ExplainedLimit | null;
  readonly servers: readonly ExplainedServer[];
};

export type Explained = {
  /** Of the table, 0 for none. */
  readonly generation: number;
  /** What is wrong with the request itself, '' for nothing. */
  readonly problem: string;
  /** '' for none. */
  readonly frontend: string;
  /** In the order in which they come, the winner among them; at most so many as are told. */
  readonly tried: readonly ExplainedTry[];
  readonly triedInAll: number;
  readonly steps: readonly ExplainedStep[];
  /** null: it does not come so far. */
  readonly backend: ExplainedBackend | null;
  /** The answer that is not a server's; null: a server gets it. */
  readonly reply: ExplainedReply | null;
  /** False: a step depends on what cannot be known beforehand. */
  readonly isCertain: boolean;
  /** To the server that most probably gets it, '' for none. */
  readonly server: string;
  /** The head as that server would read it, '' for none. */
  readonly sent: string;
};
