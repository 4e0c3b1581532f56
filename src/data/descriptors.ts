/**
 * Keeps connections from taking the last file descriptors of the process: with none left nobody can accept, not even to
 * say no, and each attempt to is made again at once. Clients may have half of what there is, so that each of them can be
 * served; a client beyond that is closed as soon as it is accepted, and a server is dialed only within the whole.
 */
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { DescriptorCounts } from '../shared/descriptor-counts.ts';
import type { MetricsLane } from '../shared/metrics.ts';

export class Descriptors {
  private readonly counts: DescriptorCounts;
  private readonly most: number;
  private readonly metrics: MetricsLane;
  /** Closes connections to servers that nobody uses; returns how many there were. */
  private readonly makeRoom: () => number;

  /** `most`: connections of all workers together, with clients and servers; 0: no limit. */
  constructor(counts: DescriptorCounts, most: number, metrics: MetricsLane, makeRoom: () => number) {
    this.counts = counts;
    this.most = most;
    this.metrics = metrics;
    this.makeRoom = makeRoom;
  }

  /** A client was accepted. False: it is to be closed at once; `clientClosed` is owed all the same. */
  clientAccepted(): boolean {
    this.counts.addClients(1);
    if (this.most === 0) return true;
    const { clients, servers } = this.counts;
    if (clients <= this.most / 2 && clients + servers <= this.most) return true;
    this.metrics.clientRefused();
    this.tell('clients', clients);
    return false;
  }

  clientClosed(): void {
    this.counts.addClients(-1);
  }

  /** May a server be dialed? Then `serverClosed` is owed. */
  mayDial(): boolean {
    this.counts.addServers(1);
    if (this.most === 0) return true;
    const { clients, servers } = this.counts;
    // The idle ones give theirs back a moment later; there are some in reserve.
    if (clients + servers <= this.most || this.makeRoom() > 0) return true;
    this.counts.addServers(-1);
    this.tell('servers', servers - 1);
    return false;
  }

  serverClosed(): void {
    this.counts.addServers(-1);
  }

  private tell(object: 'clients' | 'servers', value: number): void {
    log.event(EVENTS.limitReached, `file descriptors ${object}`, {
      limit: 'file descriptors (ulimit -n)',
      object,
      value,
      refused: object === 'clients' ? 'new connections' : 'requests that need a new connection to a server',
    });
  }
}
