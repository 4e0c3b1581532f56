/** What `--metrics.prometheus.*` asks for, and where it is counted. */

/** Names of Traefik's series: those of its version 3, of 1.7, or of both. */
export type MetricsNames = '3' | '1.7' | 'both';

export type MetricsOptions = {
  readonly names: MetricsNames;
  /** Upper bounds of the duration buckets, seconds, ascending. */
  readonly buckets: readonly number[];
  readonly entryPoints: boolean;
  readonly services: boolean;
  /** Series of frontends are counted. */
  readonly routers: boolean;
  /** Behind names of frontends and backends, such as `@etcd`; '' for nothing. */
  readonly suffix: string;
  /** Header fields, in lower case, whose values are labels of requests_total. */
  readonly headerLabels: readonly { readonly label: string; readonly header: string }[];
  /** Servers with series of their own. */
  readonly maxServers: number;
};

/** The buffers in which one worker counts, beside its lane of src/shared/metrics-layout.ts. */
export type CountBuffers = {
  /** src/shared/server-counts.ts */
  readonly servers: SharedArrayBuffer;
  /** src/shared/backend-counts.ts */
  readonly backends: SharedArrayBuffer;
  /** src/shared/label-counts.ts */
  readonly labels: SharedArrayBuffer;
  /** src/shared/histograms.ts */
  readonly histograms: SharedArrayBuffer;
  /** src/shared/exemplars.ts; null without tracing. */
  readonly exemplars: SharedArrayBuffer | null;
};
