/**
 * Ends the turn for pipelining: whatever requests came within one turn of the event loop were enqueued on a few
 * connections, and each of these is written once, right after the loop has looked at all sockets (the check phase).
 */
import type { UpstreamConnection } from './connection.ts';
import type { UpstreamPool } from './pool.ts';

export class PipelineTurn {
  private readonly pools: UpstreamPool[] = [];
  private readonly connections: UpstreamConnection[] = [];
  private scheduled = false;
  private readonly end = (): void => this.flush();

  add(pool: UpstreamPool, connection: UpstreamConnection): void {
    this.pools.push(pool);
    this.connections.push(connection);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.end);
  }

  private flush(): void {
    this.scheduled = false;
    for (const pool of this.pools) pool.turnEnded();
    this.pools.length = 0;
    // What a write brings about (a failure and its retry) may open the next turn: it works on a list of its own.
    const connections = this.connections.splice(0);
    for (const connection of connections) connection.flush();
  }
}
