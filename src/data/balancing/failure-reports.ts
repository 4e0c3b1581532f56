/**
 * Tells main of tries that have failed, so that the log says which server is in trouble: the first at once, and then once a
 * second and server at most.
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { FromWorker } from '../../protocol/messages.ts';

const SHORTEST_MS = 1_000;
/** Servers that are remembered. */
const MOST = 10_000;

/** No connection comes about. */
const UNREACHABLE: ReadonlySet<Fault> = new Set([
  FAULTS.dnsFailed,
  FAULTS.connectRefused,
  FAULTS.connectTimeout,
  FAULTS.tlsFailed,
]);

/** One came about, and no whole answer. */
const UNANSWERED: ReadonlySet<Fault> = new Set([
  FAULTS.upstreamClosed,
  FAULTS.unwritten,
  FAULTS.truncated,
  FAULTS.headerTimeout,
  FAULTS.responseTimeout,
  FAULTS.bodyTimeout,
  FAULTS.badResponse,
  FAULTS.streamReset,
]);

type Told = { at: number; tries: number };

export class FailureReports {
  private readonly report: (message: FromWorker) => void;
  /** By server slot. */
  private readonly told = new Map<number, Told>();

  constructor(report: (message: FromWorker) => void) {
    this.report = report;
  }

  /** Slots, and what the system said. What is not the server's doing is left alone. */
  failed(fault: Fault, backend: number, server: number, detail: string): void {
    const isUnreachable = UNREACHABLE.has(fault);
    if (!isUnreachable && !UNANSWERED.has(fault)) return;
    const now = performance.now();
    let told = this.told.get(server);
    if (told === undefined) {
      if (this.told.size >= MOST) this.told.clear();
      told = { at: Number.NEGATIVE_INFINITY, tries: 0 };
      this.told.set(server, told);
    }
    told.tries++;
    if (now - told.at < SHORTEST_MS) return;
    const by = isUnreachable ? 'connect' : 'request';
    this.report({ kind: 'serverFailed', backend, server, by, reason: fault.text, detail, tries: told.tries });
    told.at = now;
    told.tries = 0;
  }
}
