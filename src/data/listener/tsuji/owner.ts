/** What the connections of one entrypoint know of its listener, and the listener of them. */
import type { RequestHead } from '../../../http/request-head.ts';
import type { WorkerContext } from '../../context.ts';
import type { SocketUser } from '../../socket/byte-socket.ts';
import type { ClientWatch } from './client-watch.ts';

export interface EngineOwner {
  readonly worker: WorkerContext;
  /** Of the entrypoint. */
  readonly index: number;
  /** The one request head that requests are filled into: `exchange.begin` takes what it needs before it returns. */
  readonly head: RequestHead;
  /** Looks at connections a few times per timeout. */
  readonly watch: ClientWatch;
  /** The connection is over. */
  left(connection: ClientConnection): void;
}

/** A protocol on a client's connection. Its constructor calls `socket.begin(this)`. */
export interface ClientConnection extends SocketUser {
  /** The worker drains: it ends as soon as what its client has asked for is done. */
  drain(): void;
  /** Some answer waits for its client. */
  readonly isBusy: boolean;
  /** Ends at once, whatever runs on it. */
  close(): void;
}
