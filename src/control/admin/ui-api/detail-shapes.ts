/** What `/api/ui/backends/B`, `…/servers/S` and `/api/ui/frontends/F` answer (see shapes.ts). */
import type { BackendState, BoardEvent, Latency, Overview, ServerStateWord, Text } from './shapes.ts';

export type Check = {
  readonly state: 'unchecked' | 'up' | 'down';
  readonly since: number | null;
  readonly at: number | null;
  readonly ms: number | null;
  /** '' when it was good. */
  readonly reason: string;
  readonly checks: number;
  readonly failed: number;
  /** The last 40, the newest last: `1` good, `0` bad. */
  readonly bits: string;
};

/** In `backends/B`; with `backend`, `c`, `keys`, `events` and `t` the answer of `backends/B/servers/S`. */
export type ServerDetail = {
  readonly name: string;
  readonly url: string;
  readonly state: ServerStateWord;
  /** Of the state; null when it has not changed since the start. */
  readonly since: number | null;
  readonly weight: number;
  readonly effective: number;
  /** Of the turns that its backend gives now. */
  readonly share: number;
  readonly inflight: number;
  /** Tries per second. */
  readonly rate: number | null;
  readonly e4: number | null;
  readonly e5: number | null;
  /** Tries that were refused or broken, per second. */
  readonly broken: number | null;
  /** To the head of the answer. */
  readonly lat: Latency | null;
  readonly ejections: number;
  readonly check: Check | null;
  /** The last word of the check or of the connection; [] for none. */
  readonly word: Text;
};

/** A key, relative to its object. `value`: quoted, or `(12 bytes)` where it may be a secret; `source`: '' where it is not known. */
export type KeyRow = readonly [key: string, value: string, source: string];

export type BackendDetail = {
  readonly t: number;
  readonly name: string;
  readonly state: BackendState;
  readonly why: string;
  readonly since: number | null;
  readonly method: string;
  readonly sticky: string | null;
  readonly hash: string | null;
  readonly slowStart: number | null;
  readonly up: number;
  readonly want: number;
  readonly draining: readonly string[];
  readonly c: Overview['c'];
  readonly lat: Latency | null;
  readonly inflight: number;
  readonly retries: readonly [number, number] | null;
  readonly bytes: readonly [number, number] | null;
  readonly breaker: {
    readonly expression: string;
    readonly state: 'standby' | 'tripped' | 'recovering';
    readonly since: number | null;
    readonly trips: number;
    readonly refused: number;
  } | null;
  readonly limit: {
    readonly amount: number;
    readonly by: string;
    readonly inProgress: number;
    readonly waiting: number;
    readonly refused: number;
  } | null;
  readonly conns: {
    readonly open: number;
    readonly idle: number;
    /** Per second. */
    readonly made: number | null;
    readonly reused: number | null;
  };
  readonly check: {
    readonly path: string;
    readonly interval: number;
    readonly timeout: number;
    readonly fall: number;
    readonly rise: number;
    readonly port: number;
    readonly hostname: string;
  } | null;
  readonly options: Readonly<Record<string, unknown>>;
  /** The bad ones first. */
  readonly servers: readonly ServerDetail[];
  readonly leftOut: readonly { readonly name: string; readonly url: string; readonly constraint: string }[];
  /** The 50 busiest. */
  readonly frontends: readonly (readonly [name: string, rules: readonly string[], rate: number | null])[];
  readonly frontendCount: number;
  readonly keys: readonly KeyRow[];
  readonly events: readonly BoardEvent[];
};

export type FrontendDetail = {
  readonly t: number;
  readonly name: string;
  readonly state: BackendState;
  readonly backend: string;
  readonly up: number;
  readonly want: number;
  readonly entryPoints: readonly string[];
  readonly routes: readonly { readonly name: string; readonly rule: string }[];
  /** What all rules together ask for: each of these must match, by one of its values. */
  readonly terms: readonly { readonly matcher: string; readonly values: readonly string[] }[];
  readonly priority: number;
  readonly rank: number;
  readonly passHostHeader: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly c: Overview['c'];
  readonly lat: Latency | null;
  readonly last: number | null;
  readonly requests: number;
  readonly keys: readonly KeyRow[];
  readonly events: readonly BoardEvent[];
};
