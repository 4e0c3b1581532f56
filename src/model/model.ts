/**
 * What the keys mean: immutable frontends, backends and servers, and a status for every key that was not accepted.
 * The words are the user's (shared/spec kv-schema); nothing here knows of sockets or of shared memory.
 */
import type { Problem } from '../kernel/problems.ts';
import type { OptionSet } from '../middlewares/kind.ts';
import type { MatchTerm, PathModifiers } from '../rule/terms.ts';
import type { Balancing } from './balancing-keys.ts';
import type { HealthCheck } from './health-keys.ts';
import type { Protection } from './protection-keys.ts';

export type ServerScheme = 'http' | 'https' | 'h2c';

export type Server = {
  readonly name: string;
  /** The text as configured, e.g. `http://10.0.0.1:80`, but without a user and password: it is shown, and stands in cookies. */
  readonly url: string;
  readonly scheme: ServerScheme;
  /** Host to connect to; an IPv6 literal without its brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as it stands in the URL: the Host field when passHostHeader is off. */
  readonly hostHeader: string;
  readonly weight: number;
  /** It keeps its running exchanges and sticky sessions, and gets nothing new. Absent: false. */
  readonly draining?: true;
  /** Its lease ran out: it gets requests only where no other server can take them. Absent: false. */
  readonly suspect?: true;
};

/** A server that the constraints leave out: no mistake, and no part of any table. */
export type LeftOutServer = {
  readonly name: string;
  readonly url: string;
  readonly tags: readonly string[];
  /** The first constraint that it does not meet, as written. */
  readonly constraint: string;
};

export type Backend = Balancing &
  Protection & {
    /** Absent: its servers are not checked. */
    readonly healthCheck?: HealthCheck;
    readonly name: string;
    /** In order of name. */
    readonly servers: readonly Server[];
    /** In order of name. Absent: none. */
    readonly leftOut?: readonly LeftOutServer[];
    /** Requests in flight per connection to a server, 1 to 64; 0: not configured. Ours: Traefik has no such key. */
    readonly pipelining: number;
    /** What its middlewares are told: src/middlewares/kinds.ts. Absent: it has none. */
    readonly options?: OptionSet;
  };

export type Route = { readonly name: string; readonly rule: string };

export type Frontend = {
  readonly name: string;
  readonly backend: string;
  /** Existing entrypoints only, defaults filled in. */
  readonly entryPoints: readonly string[];
  /** In order of name. */
  readonly routes: readonly Route[];
  /** The configured value, 0 when unset: what the API shows. */
  readonly priority: number;
  /** `priority` when > 0, else the sum of the byte lengths of the rules (rules §9). Higher is tried first. */
  readonly rank: number;
  readonly passHostHeader: boolean;
  /** Of all routes together. Empty: matches every request. */
  readonly terms: readonly MatchTerm[];
  /** Of all routes together. Absent: paths are forwarded as they came. */
  readonly modifiers?: PathModifiers;
  /** What its middlewares are told: src/middlewares/kinds.ts */
  readonly options: OptionSet;
};

/** A pair below `tls/<name>/`. Its texts may hold a private key: it is never shown, logged or written. */
export type ConfiguredCertificate = {
  readonly name: string;
  /** Where it stands, with the prefix and without a slash at its end. */
  readonly key: string;
  /** Existing entrypoints with TLS only. */
  readonly entryPoints: readonly string[];
  /** Each a path if such a file exists, else PEM text. */
  readonly certText: string;
  readonly keyText: string;
};

/** The maps are live: they show the newest model, also in one that is older. Look, and do not keep what you saw. */
export type Model = {
  readonly backends: ReadonlyMap<string, Backend>;
  /** Only those that can be routed to. */
  readonly frontends: ReadonlyMap<string, Frontend>;
  /** By name, those that name both of their parts and an entrypoint with TLS. */
  readonly certificates: ReadonlyMap<string, ConfiguredCertificate>;
  /** By key. */
  readonly problems: ReadonlyMap<string, Problem>;
};
