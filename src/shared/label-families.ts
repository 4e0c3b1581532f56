/** What label-counts.ts counts: which labels each family has, and the upper bounds of those that are histograms. */

export type LabelFamily = {
  /** Its place among all. */
  readonly number: number;
  readonly labels: readonly string[];
  /** Seconds; null for a counter, or where the settings say. */
  readonly bounds: readonly number[] | null;
};

const LIST: LabelFamily[] = [];

function family(labels: string, bounds: readonly number[] | null = null): LabelFamily {
  const made = { number: LIST.length, labels: labels.split(' '), bounds };
  LIST.push(made);
  return made;
}

const HANDSHAKE_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const AUTH_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LAG_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

export const FAMILY = {
  /** Connections of clients that were accepted, and those of them that were closed at once. */
  connections: family('entrypoint'),
  rejected: family('entrypoint reason'),
  handshakes: family('entrypoint version resumed'),
  handshakeFailures: family('entrypoint reason'),
  handshakeSeconds: family('entrypoint', HANDSHAKE_BOUNDS),
  /** Requests over TLS. */
  entryPointTls: family('entrypoint tls_version tls_cipher'),
  backendTls: family('backend tls_version tls_cipher'),
  /** Requests in progress: a gauge of its worker. */
  backendOpen: family('method protocol backend'),
  frontendTls: family('frontend backend tls_version tls_cipher'),
  /** Requests of a frontend: count, seconds, bytes of requests and responses, buckets of the settings. */
  frontends: family('frontend backend code method protocol'),
  /** Requests by the values of `--metrics.prometheus.headerLabels`, which follow. */
  entryPointHeaders: family('entrypoint code method protocol'),
  backendHeaders: family('backend code method protocol'),
  frontendHeaders: family('frontend backend code method protocol'),
  rateLimited: family('frontend'),
  /** Of a frontend or of an entrypoint: the other one is ''. */
  auth: family('frontend entrypoint kind result'),
  authSeconds: family('frontend entrypoint', AUTH_BOUNDS),
  lag: family('worker', LAG_BOUNDS),
  collections: family('worker kind'),
  /** Bytes: gauges of a worker. */
  heap: family('worker kind'),
  /** Requests that live tails have looked at. */
  tail: family('worker'),
} as const;

export const LABEL_FAMILIES: readonly LabelFamily[] = LIST;
