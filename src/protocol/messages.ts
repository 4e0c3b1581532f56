/**
 * Every message between the main thread and a worker. They travel over one MessageChannel per worker; its port and
 * the boot record are the worker's `workerData`. `postMessage` is called only in src/control/worker-fleet.ts,
 * src/control/publisher.ts and src/data/worker.ts.
 *
 *     main ── boot (workerData) ──▶ worker
 *     main ◀── ready ─────────────  worker      listening, or `failed` and the worker ends
 *     main ── table ──────────────▶ worker      at any time after boot
 *     main ◀── applied ───────────  worker      it routes by that generation from now on
 *     main ── drain ──────────────▶ worker      stop accepting, finish what runs
 *     main ◀── drained ───────────  worker      nothing runs any more; the worker ends by itself
 *     main ── stop ───────────────▶ worker      close everything now; the worker ends by itself
 *     main ◀── failed ────────────  worker      an uncaught error; the worker closes everything and ends
 */
import type { MessagePort } from 'node:worker_threads';
import type {
  Engine,
  EntryPointTls,
  RedirectOptions,
  TrustOptions,
  WhiteListOptions,
} from '../kernel/entrypoint-options.ts';

/** What the data plane needs to know of an entrypoint. Its index is its bit in the table. */
export type BootEntryPoint = {
  readonly name: string;
  /** '' means all interfaces. */
  readonly host: string;
  readonly port: number;
  readonly engine: Engine;
  readonly tls: EntryPointTls | null;
  readonly redirect: RedirectOptions | null;
  readonly compress: boolean;
  readonly whiteList: WhiteListOptions | null;
  readonly forwardedHeaders: TrustOptions;
  readonly proxyProtocol: TrustOptions | null;
};

export type BootOptions = {
  /** Total tries; 0: as many as the backend has servers; null: no retry. */
  readonly retryAttempts: number | null;
  readonly maxIdleConnsPerHost: number;
  /** Requests in flight per connection to a server, for backends that do not say. */
  readonly upstreamPipelining: number;
  readonly dialTimeoutMs: number;
  readonly responseHeaderTimeoutMs: number;
  /** Time for a request to come, body included; 0: none. */
  readonly readTimeoutMs: number;
  /** Time from a request to the end of its response; 0: none. */
  readonly writeTimeoutMs: number;
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  /** PEM texts, one certificate each, that replace the system's roots; null: the system's. */
  readonly rootCAs: readonly string[] | null;
  readonly keepTrailingSlash: boolean;
};

export type Boot = {
  readonly index: number;
  readonly logLevel: string;
  readonly entryPoints: readonly BootEntryPoint[];
  readonly options: BootOptions;
  /** src/shared/cursors.ts */
  readonly cursors: SharedArrayBuffer;
  /** This worker's lane of src/shared/metrics.ts */
  readonly metrics: SharedArrayBuffer;
  readonly port: MessagePort;
};

export type ToWorker =
  | { readonly kind: 'table'; readonly generation: number; readonly table: SharedArrayBuffer }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'applied'; readonly generation: number }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly during: 'boot' | 'serving'; readonly message: string; readonly stack: string };
