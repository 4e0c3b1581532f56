/** The pool of a server, as its connections know it. */
import type { Socket } from 'node:net';
import type { WriteTurn } from '../write-turn.ts';
import type { UpstreamConnection } from './connection.ts';
import type { PoolOwner } from './owner.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

export interface ConnectionOwner extends PoolOwner {
  /** Shared by all connections of the worker: bytes are used up before the next read. */
  readonly readBuffer: Buffer;
  readonly turn: WriteTurn;
  /** The server has chosen HTTP/2 on `socket`, which is the pool's from now on: a stream for `user`. */
  share(socket: Socket, user: UpstreamUser): Upstream;
  /** The server does not take several requests well. */
  avoidPipelining(): void;
  /** The connection is idle. False: it is not wanted. */
  keep(connection: UpstreamConnection): boolean;
  /** It is no connection any more. */
  forget(connection: UpstreamConnection): void;
}
