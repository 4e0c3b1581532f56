/**
 * Ends the turn of writing: the requests that come within one turn of the event loop are written together, right after
 * the loop has looked at all sockets (the check phase). A server that sleeps is then woken once for all of them, which is
 * a tenth of the cost of a small request (bench/README.md); and with pipelining those that share a connection go out in
 * one write.
 */
/** A connection: it writes what it has gathered. */
interface Writer {
  flushTurn(): void;
}

/** A pool: it fills no connection any more. */
interface Filler {
  turnEnded(): void;
}

export class WriteTurn {
  private readonly pools: Filler[] = [];
  private connections: Writer[] = [];
  /** Takes turns with `connections`, so that what a write brings about opens the next turn. */
  private spare: Writer[] = [];
  private scheduled = false;
  private readonly end = (): void => this.flush();

  /** `connection` has something to write. */
  add(connection: Writer): void {
    this.connections.push(connection);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.end);
  }

  /** `pool` fills connections until the turn ends. */
  fills(pool: Filler): void {
    this.pools.push(pool);
  }

  private flush(): void {
    this.scheduled = false;
    for (const pool of this.pools) pool.turnEnded();
    this.pools.length = 0;
    const { connections } = this;
    this.connections = this.spare;
    this.spare = connections;
    for (const connection of connections) connection.flushTurn();
    connections.length = 0;
  }
}

/** Of this thread. */
export const writeTurn = new WriteTurn();
