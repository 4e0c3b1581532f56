/** The settings of one run: filled and frozen, nothing optional. Made by parse-flags.ts from the rows of rows.ts. */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Constraint } from '../kernel/constraints.ts';
import type { EntryPoint, EntryPointTls, TrustOptions, WhiteListOptions } from '../kernel/entrypoint-options.ts';
import type { LogLevel } from '../kernel/log.ts';
import type { LogForm } from '../kernel/log-line.ts';
import type { ServingOptions } from '../kernel/serving-options.ts';
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

export type Settings = ServingOptions & {
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
  /** Retries that a backend may have, in percent of its requests. */
  readonly retryBudgetPercent: number;
  /** Retries per second that it may have besides. */
  readonly retryMinPerSecond: number;
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
  /** JavaScript heap of a worker, MiB; 0: a share of the memory. */
  readonly workerHeapMb: number;
  /** Each a path if such a file exists, else PEM text; they replace the system's roots. null when not given. */
  readonly rootCAs: readonly string[] | null;
  readonly allowMinWeightZero: boolean;
  /** What the tags of a server must meet, of `--constraints` and `--etcd.constraints` together. */
  readonly constraints: readonly Constraint[];
  /** null: there are no traces. */
  readonly tracing: TracingSettings | null;
  /** Where each of those that were given was written, by its name. */
  readonly origins: Readonly<Record<string, Origin>>;
  readonly warnings: readonly SettingWarning[];
};
