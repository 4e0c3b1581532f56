/**
 * Every message between the main thread and a worker. They travel over one MessageChannel per worker; its port is in the
 * boot record, which alone comes to the thread itself. `postMessage` is called only in src/control/workers/worker-fleet.ts,
 * src/control/routing/publisher.ts and src/data/worker.ts.
 *
 *     main ── boot ───────────────▶ worker      once its code is loaded, whenever main knows
 *     main ◀── ready ─────────────  worker      listening, or `failed` and the worker ends
 *     main ── table ──────────────▶ worker      at any time after boot; the first one has all breakers
 *     main ── certificates ───────▶ worker      some are new, different or gone; those of the boot record come first
 *     main ── keySets ────────────▶ worker      keys of tokens, the same way
 *     main ── ticketKeys ─────────▶ worker      a rotation
 *     main ◀── applied ───────────  worker      it routes by that generation from now on
 *     main ── drain ──────────────▶ worker      stop accepting, finish what runs
 *     main ◀── drained ───────────  worker      nothing runs any more; the worker ends by itself
 *     main ── stop ───────────────▶ worker      close everything now; the worker ends by itself
 *     main ── tails ──────────────▶ worker      who looks at its requests from now on
 *     main ── ping ───────────────▶ worker      at any time after boot; `pong` back, unless its loop is stuck
 *     main ── reloaded ───────────▶ worker      files were read again (SIGHUP)
 *     main ── explain ────────────▶ worker      what would become of a request; `explained` back
 *     main ◀── checkPassword ─────  worker      and `passwordChecked` back
 *     main ◀── wantKeySet ────────  worker      and `keySets` back, when they were fetched again
 *     main ◀── server ────────────  worker      a server breaks its connections, or a trial of an ejected one has ended
 *     main ◀── spans ─────────────  worker      there are some to be sent in its ring
 *     main ◀── log ───────────────  worker      a line of the log, which main writes
 *     main ◀── failed ────────────  worker      an uncaught error; the worker closes everything and ends
 */

import type { MessagePort } from 'node:worker_threads';
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import type { ListenFailure } from '../kernel/errors.ts';
import type { LogRecord } from '../kernel/log.ts';
import type { CountBuffers } from '../kernel/metrics-options.ts';
import type { ServingOptions } from '../kernel/serving-options.ts';
import type { TracingOptions } from '../kernel/tracing-options.ts';
import type { VerificationKey } from '../kernel/verification-keys.ts';
import type { Explained, ExplainedRequest } from './explanation.ts';
import type { Tails } from './tails.ts';

export type RetryLimits = {
  /** Retries per request, 0.2 for one in five. */
  readonly ratio: number;
  /** Retries per second that are allowed besides. */
  readonly perSecond: number;
};

export type BootOptions = ServingOptions & {
  /** Of one worker, per backend. */
  readonly retryLimits: RetryLimits;
  /** PEM texts, one certificate each, that replace the system's roots; null: the system's. */
  readonly rootCAs: readonly string[] | null;
  /** null: there are no traces. */
  readonly tracing: TracingOptions | null;
  /** With clients and servers, of all workers together, as far as file descriptors go; 0: no limit. */
  readonly mostConnections: number;
};

/**
 * One certificate as workers serve it. An id is never used again: what changes gets a new one. The bytes lie in shared
 * memory, once for all workers.
 */
export type WorkerCertificate = {
  readonly id: number;
  /** Bit mask of the entrypoints that serve it by its names. */
  readonly entryPoints: number;
  /** Bit mask of the entrypoints whose default it is: for clients whose name no certificate has. */
  readonly defaultOf: number;
  /** Lower case, without trailing dots: common name, DNS names with wildcards, IP addresses in their short form. */
  readonly names: readonly string[];
  /** Of two with the same name the one with the lower precedence is served. */
  readonly precedence: string;
  /** PEM: the certificate, then the rest of its chain. */
  readonly cert: Uint8Array;
  /** PEM. Never logged, shown or written anywhere. */
  readonly key: Uint8Array;
  /** SHA-256 of the certificate's DER, hex in lower case. */
  readonly fingerprint: string;
  /** The OCSP response to staple, DER; null: none. */
  readonly staple: Uint8Array | null;
};

/** 48 bytes: name 16, HMAC key 16, AES key 16, as `tls.Server.setTicketKeys` takes them. Nonces of digest auth are made with them too. */
export type TicketKey = Uint8Array;

/** Session tickets are made with the first one; tickets of all of them are accepted. */
export type TicketKeyRing = readonly TicketKey[];

export type BootTls = {
  /** Of each entrypoint: PEM texts of the authorities of client certificates, one each; empty: none are asked for. */
  readonly clientCAs: readonly (readonly string[])[];
  readonly certificates: readonly WorkerCertificate[];
  readonly ticketKeys: TicketKeyRing;
};

/** The keys of one URL (JWKS). */
export type KeySet = {
  readonly url: string;
  /** Empty: there are none that may be used. */
  readonly keys: readonly VerificationKey[];
};

/** src/shared/access-log.ts; `memory`: this worker's. */
export type BootAccessLog = {
  readonly options: AccessLogOptions;
  readonly words: SharedArrayBuffer;
  readonly memory: WebAssembly.Memory;
};

export type Boot = {
  readonly index: number;
  readonly logLevel: string;
  readonly entryPoints: readonly EntryPoint[];
  readonly options: BootOptions;
  readonly tls: BootTls;
  /** Of those that frontends need, the ones that were fetched. */
  readonly keySets: readonly KeySet[];
  /** src/shared/cursors.ts */
  readonly cursors: SharedArrayBuffer;
  /** src/shared/server-state.ts; the lane of `index` is this worker's. */
  readonly serverState: SharedArrayBuffer;
  /** src/shared/token-counts.ts */
  readonly tokenCounts: SharedArrayBuffer;
  /** src/shared/rate-buckets.ts */
  readonly rateBuckets: SharedArrayBuffer;
  /** src/shared/live-nodes.ts */
  readonly liveNodes: SharedArrayBuffer;
  /** src/shared/descriptor-counts.ts */
  readonly descriptorCounts: SharedArrayBuffer;
  /** src/shared/disk-use.ts */
  readonly diskUse: SharedArrayBuffer;
  /** src/shared/nonce-counts.ts */
  readonly nonceCounts: SharedArrayBuffer;
  /** src/shared/mirror-counts.ts */
  readonly mirrorCounts: SharedArrayBuffer;
  /** src/shared/trace-budget.ts */
  readonly traceBudget: SharedArrayBuffer;
  /** This worker's spans: src/shared/byte-ring.ts; null without tracing. */
  readonly spans: SharedArrayBuffer | null;
  /** This worker's lane of src/shared/metrics.ts */
  readonly metrics: SharedArrayBuffer;
  /** null: there is none. */
  readonly accessLog: BootAccessLog | null;
  /** Of this worker: src/shared/tail.ts */
  readonly tail: { readonly ring: SharedArrayBuffer; readonly matched: SharedArrayBuffer };
  readonly tails: Tails;
  /** Of this worker: src/shared/count-buffers.ts */
  readonly counts: CountBuffers;
  /** One Int32: lines of this worker's log that main has not taken yet. */
  readonly logQueue: SharedArrayBuffer;
  readonly port: MessagePort;
};

/** Of backends that have a circuit breaker, by name: src/shared/breaker-state.ts */
export type BreakerChange = {
  /** There are no others. */
  readonly isAll: boolean;
  readonly put: ReadonlyMap<string, SharedArrayBuffer>;
  readonly gone: readonly string[];
};

export type ToWorker =
  | {
      readonly kind: 'table';
      readonly generation: number;
      /** That of the message before it, while that stands. */
      readonly base: SharedArrayBuffer;
      /** What has changed since the base was made; null: nothing. */
      readonly overlay: SharedArrayBuffer | null;
      readonly breakers: BreakerChange;
    }
  | {
      readonly kind: 'certificates';
      readonly added: readonly WorkerCertificate[];
      /** Ids. */
      readonly removed: readonly number[];
    }
  | { readonly kind: 'ticketKeys'; readonly ring: TicketKeyRing }
  /** `removed`: URLs that no frontend needs. */
  | { readonly kind: 'keySets'; readonly changed: readonly KeySet[]; readonly removed: readonly string[] }
  | { readonly kind: 'passwordChecked'; readonly id: number; readonly isRight: boolean }
  | {
      readonly kind: 'reloaded';
      readonly logLevel: string;
      /** With what may change while they are listened on: who may ask, what is done to requests. */
      readonly entryPoints: readonly EntryPoint[];
      /** As in `BootTls`. */
      readonly clientCAs: BootTls['clientCAs'];
    }
  | { readonly kind: 'tails'; readonly tails: Tails }
  | { readonly kind: 'ping'; readonly question: number }
  | { readonly kind: 'explain'; readonly id: number; readonly request: ExplainedRequest }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

/** What the thread that writes the access log is started with. */
export type LogWriterBoot = {
  readonly options: AccessLogOptions;
  /** src/shared/access-log.ts */
  readonly buffers: { readonly words: SharedArrayBuffer; readonly memories: readonly WebAssembly.Memory[] };
};

/** To the thread that writes the access log. */
export type ToLogWriter =
  /** Under its name, which may be that of another file by now. */
  | { readonly kind: 'reopen' }
  /** What is there is written, then it ends. */
  | { readonly kind: 'end' };

export type FromLogWriter =
  | { readonly kind: 'opened' | 'reopened' | 'ended' }
  /** `reopenFailed`: what was open before is written on. `off`: nobody reads it any more. */
  | { readonly kind: 'openFailed' | 'reopenFailed' | 'writeFailed' | 'off'; readonly reason: string }
  /** So many lines since it was told last. */
  | { readonly kind: 'lost'; readonly reason: string; readonly count: number };

/** `failing`: so many failed tries in a row that it is to be ejected. The others end the trial of an ejected server. */
export type ServerEvent = 'failing' | 'recovered' | 'trialFailed';

/** Tries with a server have failed. Slots of src/shared/slots.ts. */
export type ServerFailed = {
  readonly kind: 'serverFailed';
  readonly backend: number;
  readonly server: number;
  /** `connect`: no connection came about; `request`: one did, and brought no answer. */
  readonly by: 'connect' | 'request';
  readonly reason: string;
  /** Of the system, for the last of them; '' for nothing. */
  readonly detail: string;
  /** Since the last message. */
  readonly tries: number;
};

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'applied'; readonly generation: number }
  | { readonly kind: 'drained' }
  | { readonly kind: 'pong'; readonly question: number }
  /** `explained` null: an error of ours, which was told. */
  | { readonly kind: 'explained'; readonly id: number; readonly explained: Explained | null }
  /** Is it the password that was hashed? The answer is `passwordChecked` with the same `id`. */
  | { readonly kind: 'checkPassword'; readonly id: number; readonly password: string; readonly hash: string }
  /** A token names a key that is not in that set. When it is fetched again, or is not to be, a `keySets` that names it answers. */
  | { readonly kind: 'wantKeySet'; readonly url: string }
  | ServerFailed
  /** Slots of src/shared/slots.ts. */
  | { readonly kind: 'server'; readonly event: ServerEvent; readonly backend: number; readonly server: number }
  | {
      readonly kind: 'failed';
      readonly during: 'boot' | 'serving';
      readonly message: string;
      readonly stack: string;
      /** An address that could not be listened on; null when it was something else. */
      readonly listen: ListenFailure | null;
      /** Exchanges that end with it. */
      readonly open: number;
    }
  /** There are spans in its ring, more than should wait. */
  | { readonly kind: 'spans' }
  /** A line of the log, which main writes. */
  | { readonly kind: 'log'; readonly record: LogRecord };
