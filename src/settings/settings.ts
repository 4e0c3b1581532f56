/** The settings of one run: filled and frozen, nothing optional. Made by parse-flags.ts from the rows of rows.ts. */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';

import type { Constraint } from '../kernel/constraints.ts';
import type { EntryPoint, EntryPointTls, TrustOptions, WhiteListOptions } from '../kernel/entrypoint-options.ts';
import type { LogLevel } from '../kernel/log.ts';
import type { LogForm } from '../kernel/log-line.ts';
import type { MetricsOptions } from '../kernel/metrics-options.ts';
import type { RequestIdMode } from '../kernel/request-id-mode.ts';
import type { TracingOptions } from '../kernel/tracing-options.ts';
import type { User } from '../middlewares/auth.ts';
import type { Origin, SettingWarning } from './setting-warning.ts';

export type TlsSettings = {
  /** Each a path if such a file exists, else PEM text; '' when not given. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly insecureSkipVerify: boolean;
};

export type EtcdSettings = {
  /** `host:port` without scheme. */
  readonly endpoints: readonly string[];
  /** Leading slash, no trailing slash. */
  readonly prefix: string;
  /** v3 only. Otherwise v2 and v3 are followed both and merged. */
  readonly useApiV3: boolean;
  readonly watch: boolean;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsSettings | null;
};

/** Of all entrypoints that have TLS. */
export type TlsServingSettings = {
  /** `etcd`: the nodes of one etcd share the keys of session tickets. */
  readonly ticketKeys: 'local' | 'etcd';
  /** Responders of certificates are asked for OCSP responses. */
  readonly ocsp: boolean;
};

export type TracingSettings = {
  /** URL. */
  readonly endpoint: string;
  /** Sent with every batch; values may be secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly tls: TlsSettings;
  /** The longest that a span waits for others. */
  readonly intervalMs: number;
  /** Attributes of the resource, `service.name` among them. */
  readonly resource: readonly (readonly [name: string, value: string])[];
  readonly options: TracingOptions;
};

export type WebSettings = {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Begins and ends with `/`. */
  readonly path: string;
  /** `ping` alone, or with the metrics. */
  readonly pages: 'all' | 'metrics' | 'ping';
  readonly dashboard: boolean;
  /**
   * Names besides those of this host by which browsers may ask, in lower case; one that begins with a dot stands for all
   * below it, `*` for any.
   */
  readonly hosts: readonly string[];
  /** Bytes for what charts show of the past. */
  readonly historyBytes: number;
  /** Single requests may be looked at; `full`: with the values of their queries. */
  readonly tail: 'on' | 'full' | 'off';
  readonly tls: EntryPointTls | null;
  readonly whiteList: WhiteListOptions | null;
  /** Whose X-Forwarded-For the list believes. */
  readonly forwardedHeaders: TrustOptions;
  /** Names and hashes of those who may read them; null: everybody may. */
  readonly users: readonly User[] | null;
};

export type Settings = {
  readonly logLevel: LogLevel;
  /** `path`: '' for standard output. */
  readonly log: { readonly path: string; readonly form: LogForm };
  readonly entryPoints: readonly EntryPoint[];
  readonly defaultEntryPoints: readonly string[];
  readonly etcd: EtcdSettings | null;
  /** The file for the keys of etcd over a restart; '' where the state directory has one, `off` for none. */
  readonly snapshot: string;
  /** MiB for earlier states of the keys; 0: none. */
  readonly historyMb: number;
  /** `removal`: share of the frontends that may go at once, 0 to 1, null for all. `suspectMs`: 0 for not at all. */
  readonly guard: { readonly removal: number | null; readonly graceMs: number; readonly suspectMs: number };
  /** A folder as a store of keys; '' when not given. */
  readonly folder: string;
  readonly web: WebSettings | null;
  /** null: none. */
  readonly accessLog: AccessLogOptions | null;
  readonly tls: TlsServingSettings;
  readonly workers: number;
  /** Total tries; 0: as many as the backend has servers; null: no retry. */
  readonly retryAttempts: number | null;
  /** Retries that a backend may have, in percent of its requests. */
  readonly retryBudgetPercent: number;
  /** Retries per second that it may have besides. */
  readonly retryMinPerSecond: number;
  /** Failed tries in a row that eject a server; 0: never. */
  readonly ejectionFailures: number;
  /** The first ejection of a server; each one that follows without a good answer in between takes twice as long. */
  readonly ejectionTimeMs: number;
  /** Between two checks of a server, for backends that do not say. */
  readonly healthCheckIntervalMs: number;
  readonly ejectionMaxTimeMs: number;
  readonly requestAcceptGraceTimeoutMs: number;
  readonly graceTimeOutMs: number;
  /** In which a successor must be ready; 0: for ever. */
  readonly successorTimeoutMs: number;
  /** 0: no throttle. */
  readonly providersThrottleMs: number;
  readonly maxIdleConnsPerHost: number;
  /** Requests in flight per connection to a server, 1: no pipelining. */
  readonly upstreamPipelining: number;
  /** Bytes that may wait for slow peers; 0: no limit. */
  readonly bufferLimits: { readonly worker: number; readonly connection: number };
  /** `folder`: '' for that of temporary files; `most`: bytes, 0 for no limit. */
  readonly bufferDisk: { readonly folder: string; readonly most: number };
  /** Of each entrypoint and worker. */
  readonly connectionLimits: { readonly total: number; readonly perAddress: number };
  readonly dialTimeoutMs: number;
  /** 0: none. */
  readonly responseHeaderTimeoutMs: number;
  /**
   * From the connection, or from the first byte of a further request, to its whole head: TLS handshake, PROXY header and
   * the choice of protocol included; 0: for ever. uWebSockets has a time of its own.
   */
  readonly headerTimeoutMs: number;
  /** In which a client must bring 1 KiB, or the rest, of a body that is awaited; 0: for ever. */
  readonly uploadTimeoutMs: number;
  /** In which a client must take 1 KiB, or the rest, of what waits for it; 0: for ever. */
  readonly downloadTimeoutMs: number;
  /** Time for a request to come, body included; 0: none. */
  readonly readTimeoutMs: number;
  /** Time from a request to the end of its response; 0: none. */
  readonly writeTimeoutMs: number;
  /** How long a client's connection may be idle; 0: for ever. Entrypoints of uws have a time of their own. */
  readonly clientIdleMs: number;
  /** JavaScript heap of a worker, MiB; 0: a share of the memory. */
  readonly workerHeapMb: number;
  /** In the head of a request, each `cookie` of HTTP/2 counted by itself. */
  readonly maxFields: number;
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  /** Each a path if such a file exists, else PEM text; they replace the system's roots. null when not given. */
  readonly rootCAs: readonly string[] | null;
  readonly allowMinWeightZero: boolean;
  /** What the tags of a server must meet, of `--constraints` and `--etcd.constraints` together. */
  readonly constraints: readonly Constraint[];
  readonly keepTrailingSlash: boolean;
  readonly requestId: RequestIdMode;
  /** null: there are no traces. */
  readonly tracing: TracingSettings | null;
  readonly metrics: MetricsOptions;
  /** Where each of those that were given was written, by its name. */
  readonly origins: Readonly<Record<string, Origin>>;
  readonly warnings: readonly SettingWarning[];
};
