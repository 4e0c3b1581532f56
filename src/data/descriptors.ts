/**
 * Keeps connections from taking the last file descriptors of the process: with none left nobody can accept, not even to
 * say no, and each attempt to is made again at once. Clients may have half of what there is, so that each of them can be
 * served; a client beyond that is closed as soon as it is accepted, and a server is dialed, or a file opened for a body, only
 * within the whole.
 */

import { tellLimit } from '../kernel/limit-log.ts';
import type { DescriptorCounts } from '../shared/descriptor-counts.ts';
import type { MetricsLane } from '../shared/metrics.ts';

const REFUSED = {
  clients: 'new connections',
  servers: 'requests that need a new connection to a server',
  files: 'bodies that are kept on disk',
};

export class Descriptors {
  private readonly counts: DescriptorCounts;
  private readonly most: number;
  private readonly metrics: MetricsLane;
  /** Closes connections to servers that nobody uses; returns how many there were. */
  private readonly makeRoom: () => number;

  /** `most`: of all workers together, with clients, with servers and of files; 0: no limit. */
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
    const { clients, all } = this.counts;
    if (clients <= this.most / 2 && all <= this.most) return true;
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
    if (this.hasRoom) return true;
    this.counts.addServers(-1);
    this.tell('servers', this.counts.servers);
    return false;
  }

  private get hasRoom(): boolean {
    // Connections that are idle give theirs back a moment later; there are some in reserve.
    return this.most === 0 || this.counts.all <= this.most || this.makeRoom() > 0;
  }

  serverClosed(): void {
    this.counts.addServers(-1);
  }

  /** May a file be opened? Then `fileClosed` is owed. */
  mayOpenFile(): boolean {
    this.counts.addFiles(1);
    if (this.hasRoom) return true;
    this.counts.addFiles(-1);
    this.tell('files', this.counts.all);
    return false;
  }

  fileClosed(): void {
    this.counts.addFiles(-1);
  }

  private tell(object: keyof typeof REFUSED, value: number): void {
    tellLimit({ limit: 'open_files', object, value, what: REFUSED[object] });
  }
}
