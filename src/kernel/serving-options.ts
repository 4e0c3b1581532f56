/** What the settings say of how requests are served, as every worker is told it. */
import type { MetricsOptions } from './metrics-options.ts';
import type { RequestIdMode } from './request-id-mode.ts';

/** Connections of clients to one entrypoint of one worker, 0: no limit. */
export type ConnectionLimits = {
  readonly total: number;
  /** Of one address, or of one /64 of IPv6. */
  readonly perAddress: number;
};

/** Bytes that may wait for slow peers; 0: no limit. */
export type BufferLimits = {
  /** In one worker. */
  readonly worker: number;
  /** For one request or WebSocket, in each direction. */
  readonly connection: number;
};

/** Where bodies are kept that are longer than what of them may be in memory. */
export type BufferDisk = {
  /** '': that of temporary files. */
  readonly folder: string;
  /** Bytes, of all workers together; 0: no limit. */
  readonly most: number;
};

export type ServingOptions = {
  /** Total tries; 0: as many as the backend has servers; null: no retry. */
  readonly retryAttempts: number | null;
  /** Failed tries in a row that eject a server, for backends that do not say; 0: never. */
  readonly ejectionFailures: number;
  readonly maxIdleConnsPerHost: number;
  /** Requests in flight per connection to a server, for backends that do not say; 1: no pipelining. */
  readonly upstreamPipelining: number;
  readonly bufferLimits: BufferLimits;
  readonly bufferDisk: BufferDisk;
  readonly connectionLimits: ConnectionLimits;
  readonly dialTimeoutMs: number;
  /** 0: none. */
  readonly responseHeaderTimeoutMs: number;
  /**
   * From the connection, or from the first byte of a further request, to its whole head: TLS handshake, PROXY header and
   * the choice of protocol included; 0: for ever. uWebSockets has a time of its own.
   */
  readonly headerTimeoutMs: number;
  /**
   * In which a client must bring 1 KiB, or the rest, of a body that is awaited; 0: for ever. It stands still while we
   * have paused the client, once the response has begun, and in tunnels and gRPC.
   */
  readonly uploadTimeoutMs: number;
  /** In which a client must take 1 KiB, or the rest, of what waits for it; 0: for ever. What the peer took counts. */
  readonly downloadTimeoutMs: number;
  /** Time for a request to come, body included; 0: none. */
  readonly readTimeoutMs: number;
  /** Time from a request to the end of its response; 0: none. */
  readonly writeTimeoutMs: number;
  /** How long a client's connection may be idle; 0: for ever. uWebSockets has a time of its own. */
  readonly clientIdleMs: number;
  /** In the head of a request, each `cookie` of HTTP/2 counted by itself. */
  readonly maxFields: number;
  /** Certificates of https:// servers are not verified. */
  readonly insecureSkipVerify: boolean;
  readonly keepTrailingSlash: boolean;
  readonly metrics: MetricsOptions;
  /** Of all frontends that do not say. */
  readonly requestId: RequestIdMode;
};
