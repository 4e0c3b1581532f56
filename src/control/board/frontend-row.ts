/** A frontend as the board sees it: what it is asked, and how the backend stands that it leads to. */
import type { Frontend } from '../../model/model.ts';
import { HistogramOwner } from '../../shared/histograms.ts';
import type { BackendState } from '../admin/ui-api/shapes.ts';
import type { BackendRow } from './backend-row.ts';
import { Counted, countFrontend, HOUR_ONLY, type Look, reading } from './counted.ts';
import type { ReadLatency } from './history.ts';
import type { Shares } from './rates.ts';
import type { Readers } from './readers.ts';

const IDLE_MS = 600_000;
const UNKNOWN_SHARES: Shares = { rate: 0, e4: null, e5: null };

export class FrontendRow {
  /** As it is in the model. */
  thing: Frontend;
  readonly counted: Counted;
  shares: Shares = UNKNOWN_SHARES;
  /** Unix milliseconds, null: not since the start, or not for an hour of very many. */
  last: number | null = null;
  private readonly owner: HistogramOwner;
  private readonly latency: ReadLatency;
  private readonly knownAt: number;
  private isFirst = true;

  constructor(frontend: Frontend, readers: Readers, now: number) {
    this.thing = frontend;
    this.owner = HistogramOwner.ofFrontend(frontend.name);
    this.latency = readers.latencyOfOwner(this.owner);
    this.counted = new Counted(`frontend:${frontend.name}`, HOUR_ONLY);
    this.knownAt = now;
  }

  follow(frontend: Frontend): void {
    this.thing = frontend;
  }

  look(look: Look, readers: Readers): void {
    const { counted } = this;
    const lastHit = readers.histograms.lastHit(this.owner);
    const isSame = lastHit * 1_000 === (this.last ?? 0);
    if (isSame && !this.isFirst && counted.isAsleep(look.steps)) return;
    this.isFirst = false;
    // Seconds are coarse: there may have been more within the same.
    const isNew = lastHit > 0 && (!isSame || look.steps.at - lastHit * 1_000 < 5_000);
    if (isNew) countFrontend(readers.histograms.answers(this.owner), reading);
    counted.look(look, isNew ? reading : null, this.latency, 0);
    if (lastHit > 0) this.last = lastHit * 1_000;
    this.shares = counted.lastAt === 0 ? UNKNOWN_SHARES : counted.shares(look);
  }

  /** That of its backend; one that nobody asks is idle by itself. */
  stateWith(backend: BackendRow | undefined, now: number): BackendState {
    if (backend === undefined) return 'failing';
    const state = backend.state === 'idle' ? 'ok' : backend.state;
    return state === 'ok' && now - Math.max(this.last ?? 0, this.knownAt) >= IDLE_MS ? 'idle' : state;
  }
}
