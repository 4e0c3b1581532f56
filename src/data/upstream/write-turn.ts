/**
 * Ends the turn of writing: the requests that come within one turn of the event loop are written together, right after
 * the loop has looked at all sockets (the check phase). A server that sleeps is then woken once for all of them, which is
 * a tenth of the cost of a small request (bench/README.md); and with pipelining those that share a connection go out in
 * one write.
 */
import type { UpstreamConnection } from './connection.ts';
import type { UpstreamPool } from './pool.ts';

export class WriteTurn {
  private readonly pools: UpstreamPool[] = [];
  private connections: UpstreamConnection[] = [];
  /** Takes turns with `connections`, so that what a write brings about opens the next turn. */
  private spare: UpstreamConnection[] = [];
  private scheduled = false;
  private readonly end = (): void => this.flush();

  /** `connection` has something to write. */
  add(connection: UpstreamConnection): void {
    this.connections.push(connection);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.end);
  }

  /** `pool` fills connections until the turn ends. */
  fills(pool: UpstreamPool): void {
    this.pools.push(pool);
  }

  private flush(): void {
    this.scheduled = false;
    for (const pool of this.pools) pool.turnEnded();
    this.pools.length = 0;
    const { connections } = this;
    this.connections = this.spare;
    this.spare = connections;
    for (const connection of connections) connection.flush();
    connections.length = 0;
  }
}
