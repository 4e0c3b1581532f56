/** The part of autocannon 9 that we use; the package carries no types. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  type Options = {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    /** Requests per second over all connections; without it as many as come back. */
    overallRate?: number;
    method?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    /** Seconds until a request counts as failed. */
    timeout?: number;
    pipelining?: number;
    excludeErrorStats?: boolean;
    ignoreCoordinatedOmission?: boolean;
  };

  type Result = { errors: number; non2xx: number; '2xx': number; duration: number };

  /** Emits `response` (client, status, bytes, milliseconds). */
  type Instance = EventEmitter & PromiseLike<Result>;

  export default function autocannon(options: Options): Instance;
}
