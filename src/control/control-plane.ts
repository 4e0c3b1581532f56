/** The life of the main thread's half of tsuji: how its parts begin, take on what has changed, hand over and end. */

import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { Settings } from '../settings/settings.ts';
import { addressText } from './listening.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import { type PlaneOptions, PlaneParts } from './plane-parts.ts';
import type { PlaneView } from './plane-view.ts';
import { ROUTES_PATIENCE_MS } from './service/report.ts';
import { loadClientCAs } from './tls/client-cas.ts';
import type { WorkerFleet } from './workers/worker-fleet.ts';

/** How often a drain that waits says so. */
const DRAIN_STEP_MS = 5_000;

export class ControlPlane {
  private readonly parts: PlaneParts;
  private stopping = false;
  private readonly stopped = Promise.withResolvers<void>();

  /** @throws TsujiError for TLS settings that cannot be used */
  constructor(options: PlaneOptions) {
    this.parts = new PlaneParts(options);
  }

  get view(): PlaneView {
    return this.parts.view;
  }

  get fleet(): WorkerFleet {
    return this.parts.fleet;
  }

  /**
   * Resolves when every entrypoint and the admin address are listened on. `remembered`: what routes begin with until the
   * sources answer; nobody is refused then for lack of routes, since they are there before anybody is listened to. A successor
   * waits for them without limit, because others serve meanwhile; anybody else for ten seconds. null: the store is out of
   * reach, and no route is known before `follow`.
   * @throws TsujiError when an address cannot be listened on or a worker does not boot
   */
  async start(isSuccessor: boolean, remembered: readonly RememberedSource[] | null): Promise<void> {
    const { routing, healthSocket, board, certificates, accessLog, fleet, admin } = this.parts;
    // Half of the routes would be worse than those of the predecessor.
    if (isSuccessor) routing.reconciler.waitForAll();
    healthSocket.start();
    board?.start();
    await Promise.all([routing.recallHeld(), certificates.start()]);
    if (this.stopping) return;
    if (remembered !== null) {
      this.follow(remembered);
      await routing.begun(isSuccessor ? null : ROUTES_PATIENCE_MS, this.stopped.promise);
    }
    await accessLog?.start();
    if (this.stopping) return;
    await fleet.start(isSuccessor);
    // A signal may have come while the workers booted.
    if (this.stopping) return;
    this.tellEntryPoints();
    if (admin !== null) {
      const { port } = await admin.listen(isSuccessor);
      if (this.stopping) return;
      const { host, path } = this.parts.settings.web!;
      log.event(EVENTS.adminListening, '', { address: addressText({ host, port }), path });
    }
    const { ticketRing, spans, usage, seriesLimit } = this.parts;
    ticketRing.start();
    spans?.start();
    usage.start();
    seriesLimit.start();
  }

  /** Routes follow as the sources answer. `remembered`: what they begin with. Once; later calls do nothing. */
  follow(remembered: readonly RememberedSource[]): void {
    if (this.stopping || this.parts.routing.isFollowing) return;
    this.parts.routing.follow(remembered);
    this.parts.nodeReport.start();
  }

  /**
   * Resolves when certificates, keys, and files that frontends and backends name were read again, where they have changed;
   * what cannot be used is a problem of its object.
   */
  async rereadFiles(): Promise<void> {
    const { certificates, routing, admin } = this.parts;
    await Promise.all([certificates.lookNow(), routing.files.lookNow(), admin?.rereadFiles()]);
  }

  /**
   * Takes on what of changed settings a running control plane can, and reads authorities of client certificates again.
   * @throws TsujiError for authorities that cannot be used; then nothing has changed
   */
  reload({ logLevel, entryPoints, web }: Settings): void {
    const { parts } = this;
    parts.clientCAs = entryPoints.map(loadClientCAs);
    if (web !== null) parts.admin?.reload(web);
    parts.fleet.reload(logLevel, entryPoints, parts.clientCAs);
  }

  /** `/ping` answers 503 from now on, so that whoever asks stops sending; everything else works on. */
  beginDrain(): void {
    this.parts.isDraining = true;
    this.parts.changes.notify();
  }

  /** A successor serves: whoever asks how tsuji is should ask that one. `stop` follows. */
  handOver(): void {
    const { healthSocket, board, admin, snapshot, usage, routing } = this.parts;
    this.beginDrain();
    healthSocket.stop();
    board?.stop();
    void admin?.close();
    // The successor keeps it from now on.
    void snapshot.stop();
    routing.handOver();
    void usage.stop();
  }

  /** Ends everything; exchanges that run may end within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    const { parts } = this;
    const wasAsked = parts.isDraining;
    parts.isDraining = true;
    this.stopping = true;
    this.stopped.resolve();
    await this.drain(graceMs, wasAsked);
    parts.seriesLimit.stop();
    parts.shadows.stop();
    parts.balancing.stop();
    parts.certificates.stop();
    parts.ticketRing.stop();
    parts.keySets.stop();
    const { routing, usage, nodes, nodeReport, spans } = parts;
    await Promise.all([routing.stop(), usage.stop(), nodes.stop(), nodeReport.stop(), spans?.stop()]);
    parts.changes.stop();
    parts.healthSocket.stop();
    parts.board?.stop();
    await parts.admin?.close();
    await Promise.all([parts.passwords.close(), parts.past?.stop()]);
    await parts.accessLog?.stop();
  }

  /** `wasAsked`: it is the drain of a signal, and no failed or other start. */
  private async drain(graceMs: number, wasAsked: boolean): Promise<void> {
    const startedAt = performance.now();
    const open = (): number => this.parts.memory.openExchanges();
    let cut = 0;
    const step = setInterval(() => log.event(EVENTS.drainStep, '', { open: open() }), DRAIN_STEP_MS).unref();
    await this.parts.fleet.drain(graceMs, () => {
      cut = open();
    });
    clearInterval(step);
    if (wasAsked) log.event(EVENTS.drainEnd, '', { took_ms: Math.round(performance.now() - startedAt), cut });
  }

  private tellEntryPoints(): void {
    const { fleet, settings } = this.parts;
    for (const [i, { name: entrypoint, host, engine, tls, proxyProtocol }] of settings.entryPoints.entries()) {
      const address = addressText({ host, port: fleet.ports[i] });
      const kind = { tls: tls !== null, engine, proxy_protocol: proxyProtocol !== null };
      log.event(EVENTS.listening, entrypoint, { entrypoint, address, ...kind });
    }
  }
}
