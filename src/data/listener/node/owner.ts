/** What the connections of one entrypoint know of its listener. */
import type { Socket } from 'node:net';
import type { WorkerContext } from '../../context.ts';
import type { ClientWatch } from '../tsuji/client-watch.ts';

export interface NodeOwner {
  readonly worker: WorkerContext;
  readonly watch: ClientWatch;
  /** An error of ours: the connection ends. */
  failed(socket: Pick<Socket, 'destroy'>, error: unknown): void;
}
