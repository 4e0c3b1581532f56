/**
 * What the paths below `/api/ui/` answer: the contract between them and the browser side (docs/api.md tells it to people).
 *
 * Points in time are Unix milliseconds, durations milliseconds, rates per second, shares 0 to 1; null is "not known", which
 * is never 0. Rows of lists are arrays in the order of their columns. Fields may be added; when a meaning changes, VERSION does.
 */

export const VERSION = 1;

/** Text with marks, never HTML: `b` is a name, `code` what a machine said or reads. */
export type TextPart = string | readonly [tag: 'b' | 'code', text: string];
export type Text = readonly TextPart[];

export type Level = 'outage' | 'starting' | 'degraded' | 'healthy';

export const BACKEND_STATES = ['failing', 'impaired', 'ok', 'idle'] as const;
export type BackendState = (typeof BACKEND_STATES)[number];

/** The word of each server state and its letter in `wall` and `pips`. */
export const SERVER_LETTERS = {
  'in rotation': 'i',
  'slow start': 's',
  'on trial': 't',
  suspect: 'u',
  draining: 'd',
  'not used': 'n',
  'left out': 'l',
  down: 'x',
  ejected: 'e',
  failing: 'f',
} as const;
export type ServerStateWord = keyof typeof SERVER_LETTERS;

/** How bad, worst last: what is well or neutral, what got better, what got worse a little, what got worse. */
export const WORSE = { neutral: 0, better: -1, little: 1, worse: 2 } as const;

export const EVENT_KINDS = [
  'verdict',
  'backend',
  'health',
  'ejection',
  'breaker',
  'keys',
  'problem',
  'source',
  'worker',
  'certificate',
  'node',
  'process',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** p50, p90, p99. */
export type Latency = readonly [p50: number, p90: number, p99: number];

/** Also `event: overview` of the stream. */
export type Overview = {
  readonly v: number;
  readonly t: number;
  readonly gen: number;
  /** When every worker had it; null before. */
  readonly genAt: number | null;
  readonly settled: boolean;
  readonly level: Level;
  readonly since: number;
  /** Answers with 2xx, 3xx, 4xx, 5xx; null before the first two looks. */
  readonly c: readonly [number, number, number, number] | null;
  readonly lat: Latency | null;
  readonly inflight: number;
  /** Connections of clients, connections to servers. */
  readonly conns: readonly [number, number];
  /** Bodies of requests, bodies of responses; bytes per second. */
  readonly bytes: readonly [number, number] | null;
  /** Retries, retries that the budget refused; per second. */
  readonly retries: readonly [number, number] | null;
  /** State as of a source (`connecting`, `live`, `stale`, `absent`), age of what it said last. */
  readonly sources: readonly (readonly [name: string, state: string, age: number | null])[];
  /** Not bad, taking part. Null while nothing is loaded. */
  readonly servers: readonly [number, number] | null;
  readonly backends: Readonly<Record<BackendState, number>>;
  readonly frontends: number;
  /** New (24 h, or since the start), all. */
  readonly problems: readonly [number, number];
  /** Days to the end of the certificate that ends first, below 0 when it has; null for none. */
  readonly cert: number | null;
  /** Serving, wanted. */
  readonly workers: readonly [number, number];
  /** By which main's loop was late, the worst of the last 10 s. */
  readonly lag: number;
  readonly draining: boolean;
  /** Generations of the last 24 h. */
  readonly changes: number;
  /** Each moves when its thing does. */
  readonly rev: { readonly findings: number; readonly lists: number; readonly wall: number; readonly events: number };
  readonly node: string;
  readonly version: string;
  readonly startedAt: number;
};

/** `icon`: bad, warn, ok, info, key, start. `link`: a place of the page without its `#`, e.g. `/backends/checkout`. */
export type Finding = { readonly icon: string; readonly text: Text; readonly link?: string };
/** `event: findings` of the stream, when they change; also `/api/ui/findings`. */
export type Findings = {
  readonly level: Level;
  readonly since: number;
  readonly title: string;
  /** One sentence behind the title: since when, and what of it clients feel. */
  readonly lead: Text;
  readonly items: readonly Finding[];
  readonly links: readonly (readonly [text: string, place: string])[];
};

/**
 * `event: event` of the stream, rows of `events`. The stream's id is another count. One that others have joined comes again with
 * the same id. Beyond ten a second the stream says `event: more` with `{"n": those that were left out}`.
 */
export type BoardEvent = {
  readonly id: number;
  readonly t: number;
  readonly kind: EventKind;
  /** One of WORSE. */
  readonly worse: number;
  /** `[]`, `['frontend', F]`, `['backend', B]`, `['server', B, S]`, `['source', N]`, `['worker', N]`, `['certificate', N]`, `['key', K]`. */
  readonly of: readonly string[];
  readonly text: Text;
  /** The line below it; [] for none. */
  readonly detail: Text;
  /** How many it stands for. */
  readonly n: number;
  /** Of those, as `of`; the first 100, absent where n is 1. */
  readonly members?: readonly (readonly string[])[];
  /** Who says so: `check`, `passive health`, `answers`, `breaker`, `etcdv3 rev 812`, `fleet`, `process`, … */
  readonly by: string;
};

/** A term of `q` that nobody understands: nothing matches then. `from`, `to`: its characters in `q`. */
export type BadTerm = { readonly term: string; readonly from: number; readonly to: number; readonly why: string };

/** `tail`: a request as it has ended, or `{"skipped":N}`. Texts are cut; of a query the names are there, its values only on request. */
export type TailLine = {
  /** When it ended. */
  readonly t: number;
  /** Before the last try, connecting, to the head of the answer, the rest. Their sum is the whole. */
  readonly ms: readonly [wait: number, connect: number, first: number, rest: number];
  readonly code: number;
  readonly m: string;
  readonly h: string;
  readonly p: string;
  /** Frontend, backend, server that was asked last; null for none. */
  readonly f: string | null;
  readonly b: string | null;
  readonly s: string | null;
  /** Servers that were asked. */
  readonly tries: number;
  readonly ip: string;
  /** Entrypoint. */
  readonly e: string;
  /** Why it ended so: `ok`, or a cause as in the access log. */
  readonly cause: string;
};

/** `events?before=ID&limit&q`: the newest first. The bars come without `before`: 96 of 15 min, how many got worse and all others. */
export type EventPage = {
  readonly events: readonly BoardEvent[];
  readonly more: boolean;
  readonly barsFrom?: number;
  readonly bars?: readonly (readonly [worse: number, other: number])[];
  readonly bad?: readonly BadTerm[];
};

/** `wall`: `states` are those of the servers of `names` in their order, backends between `|`. Above 1 500 servers a letter per backend, the worst. */
export type Wall = {
  /** `server`, `backend`. */
  readonly per: string;
  readonly names: readonly string[];
  readonly states: string;
  /** ok, and not listed because there are more than 5 000 backends. */
  readonly hidden: number;
};

/** `spark/{frontends,backends}?names=a,b` and `spark/servers?names=B/S`: 32 points, the newest last: requests/s and the share of 5xx. */
export type Sparks = {
  /** Seconds: 10, of frontends and servers 15. */
  readonly step: number;
  readonly rows: Readonly<Record<string, readonly [rates: readonly (number | null)[], e5: readonly (number | null)[]]>>;
};

/**
 * `history?of=all|entrypoint:N|backend:B|server:B/S|frontend:F&range=5m|1h|24h&after=t`: columns of equal length; a gap is null.
 * Frontends and servers have points of 15 s for the last hour, whatever is asked for. `max5`: the highest 5xx share of a step of 2 s within the point.
 */
export type History = {
  readonly step: number;
  /** Begin of the first point. */
  readonly t0: number;
  readonly c2: readonly (number | null)[];
  readonly c3: readonly (number | null)[];
  readonly c4: readonly (number | null)[];
  readonly c5: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly inflight: readonly (number | null)[];
  readonly max5: readonly (number | null)[];
  /** `kind`: key, worse, little, better. */
  readonly marks: readonly (readonly [t: number, kind: string, text: string])[];
};

export type Nodes = {
  readonly nodes: readonly {
    readonly name: string;
    readonly isThis: boolean;
    readonly address: string;
    readonly admin: string;
    readonly version: string;
    readonly startedAt: number;
    readonly notReady: string;
    readonly generation: number;
    readonly applied: Readonly<Record<string, string>>;
    readonly problems: number;
    /** null where the other node is of a version that does not tell it. */
    readonly workers: readonly [number, number] | null;
    readonly rate: number | null;
    readonly e5: number | null;
  }[];
  readonly more: number;
  /** Why others may be missing, '' when these are all. */
  readonly reason: string;
  readonly sources: readonly {
    readonly name: string;
    readonly state: string;
    readonly revision: string;
    readonly confirmedAt: number | null;
    readonly restarts: number;
    readonly error: string;
    readonly tree: string | null;
    readonly remembered: boolean;
  }[];
  readonly workers: readonly {
    readonly index: number;
    readonly state: string;
    readonly generation: number;
    readonly restarts: number;
    readonly lost: number;
    /** Of the requests of the last 10 s. */
    readonly share: number | null;
    /** Of its time that it was busy, in the last 10 s. */
    readonly busy: number | null;
  }[];
  readonly entryPoints: readonly {
    readonly name: string;
    readonly address: string;
    readonly port: number;
    readonly rate: number | null;
    readonly e5: number | null;
    readonly lat: Latency | null;
    readonly conns: number;
  }[];
  readonly prefix: string;
};

/** `settings` answers `{"settings": […]}`. `from`: `flag`, `environment`, `file`, `etcd`, `folder`, `default`. Secrets are "(set)". */
export type SettingRow = {
  readonly name: string;
  readonly value: string;
  readonly from: string;
  readonly default: string;
  readonly help: string;
};

/** `kind`: frontend, backend, server, address, host, certificate. */
export type SearchHit = {
  readonly kind: string;
  readonly text: string;
  readonly detail: string;
  readonly place: string;
};
