/** What the page of metrics is made of: the control plane, and the sums of what workers count. */
import type { MetricsOptions } from '../../../kernel/metrics-options.ts';
import { BACKEND_STRIDE } from '../../../shared/backend-counts.ts';
import { type LabelledSum, LabelReader, OTHER } from '../../../shared/label-counts.ts';
import type { LabelFamily } from '../../../shared/label-families.ts';
import { type MetricsReader, ownerOf, type SeriesTotal } from '../../../shared/metrics-reader.ts';
import { SERVER_STRIDE } from '../../../shared/server-counts.ts';
import { sumOfSlot } from '../../../shared/slot-counts.ts';
import type { ControlView } from '../../view.ts';
import { labelText, PAUSE } from './exposition.ts';

const ITEMS_PER_PAUSE = 256;

/** A series with its labels; `name`: of its entrypoint or backend. */
export type Labelled = { readonly name: string; readonly labels: string; readonly series: SeriesTotal };
/** The counts of one backend. */
export type BackendRow = { readonly name: string; readonly labels: string; readonly counts: Float64Array };
/** Those of one server, or of all that have no series of their own. */
export type ServerRow = { readonly labels: string; readonly counts: Float64Array };

/** Remembers of the page before what must be said once more: the last of what is gone. One for all who ask. */
export class MetricsHistory {
  /** Names that were in the model. */
  frontends: ReadonlySet<string> = new Set();
  backends: ReadonlySet<string> = new Set();
  /** Slots of servers that have series of their own, in the order in which they got them. */
  readonly servers = new Set<number>();
  /** Values of each label of a header that were shown. */
  readonly headerValues: Set<string>[] = [];
}

export class MetricsSource {
  readonly view: ControlView;
  readonly reader: MetricsReader;
  readonly options: MetricsOptions;
  readonly labels: LabelReader;
  readonly history: MetricsHistory;
  /** Of the main thread's event loop, seconds. */
  lag = 0;

  constructor(view: ControlView, reader: MetricsReader) {
    this.view = view;
    this.reader = reader;
    this.options = view.metricsOptions();
    this.history = new MetricsHistory();
    this.labels = new LabelReader(() => view.countBuffers().map(({ labels }) => labels));
  }

  /** Is the backend there, or was it when the last page was made? */
  knowsBackend(name: string): boolean {
    return name === OTHER || this.view.model().backends.has(name) || this.history.backends.has(name);
  }

  knowsFrontend(name: string): boolean {
    return name === OTHER || this.view.model().frontends.has(name) || this.history.frontends.has(name);
  }

  /** The page is made: what is gone by the next one was shown. */
  remember(): void {
    const { backends, frontends } = this.view.model();
    this.history.backends = new Set(backends.keys());
    this.history.frontends = new Set(frontends.keys());
  }

  /** As Traefik's labels name it. */
  named(name: string): string {
    return name === OTHER ? name : name + this.options.suffix;
  }

  /** The series of what exists; what is gone goes on counting where it stopped when it returns. */
  *requests(): Generator<string, { entryPoints: Labelled[]; backends: Labelled[] }> {
    const { view, reader } = this;
    const names = view.entryPoints().map(({ name }) => name);
    const entryPoints: Labelled[] = [];
    const backends: Labelled[] = [];
    for (const [index, series] of reader.series().entries()) {
      if (index % ITEMS_PER_PAUSE === 0) yield PAUSE;
      const owner = ownerOf(series.owner);
      const { code, method, protocol } = series;
      const labels = `code="${code}",method="${method}",protocol="${protocol}"`;
      if (owner.kind === 'entryPoint') {
        const name = names[owner.index];
        if (name !== undefined) entryPoints.push({ name, labels, series });
      } else {
        const name = owner.kind === 'other' ? OTHER : view.backendName(owner.slot);
        if (this.knowsBackend(name)) backends.push({ name, labels, series });
      }
    }
    return { entryPoints, backends };
  }

  /** Of all backends, gone ones once more. */
  *backendRows(): Generator<string, BackendRow[]> {
    const rows: BackendRow[] = [];
    const buffers = this.view.countBuffers().map(({ backends }) => new Float64Array(backends));
    for (const name of new Set([...this.view.model().backends.keys(), ...this.history.backends])) {
      if (rows.length % ITEMS_PER_PAUSE === 0) yield PAUSE;
      const slot = this.view.backendSlot(name);
      const counts = slot < 0 ? new Float64Array(BACKEND_STRIDE) : sumOfSlot(buffers, BACKEND_STRIDE, slot);
      rows.push({ name, labels: labelText([['backend', name]]), counts });
    }
    return rows;
  }

  /** Of the servers of the model; those beyond `maxServers` are one. Returns how many those are, too. */
  *serverRows(): Generator<string, { rows: ServerRow[]; folded: number }> {
    const { view, history, options } = this;
    const buffers = view.countBuffers().map(({ servers }) => new Float64Array(servers));
    const waiting: { slot: number; labels: string; counts: Float64Array; isUsed: boolean }[] = [];
    const rows: ServerRow[] = [];
    const present = new Set<number>();
    for (const backend of [...view.model().backends.values()]) {
      yield PAUSE;
      for (const { url } of backend.servers) {
        const slot = view.serverSlot(backend.name, url);
        // Two servers with one URL are one series.
        if (slot < 0 || present.has(slot)) continue;
        present.add(slot);
        const labels = labelText([
          ['backend', backend.name],
          ['url', url],
        ]);
        const counts = sumOfSlot(buffers, SERVER_STRIDE, slot);
        if (history.servers.has(slot)) rows.push({ labels, counts });
        else waiting.push({ slot, labels, counts, isUsed: counts.some((count) => count > 0) });
      }
    }
    for (const slot of history.servers) if (!present.has(slot)) history.servers.delete(slot);
    const others = new Float64Array(SERVER_STRIDE);
    let folded = 0;
    for (const { slot, labels, counts } of waiting.sort((a, b) => Number(b.isUsed) - Number(a.isUsed))) {
      if (history.servers.size < options.maxServers) {
        history.servers.add(slot);
        rows.push({ labels, counts });
      } else {
        folded++;
        for (let i = 0; i < others.length; i++) others[i] += counts[i];
      }
    }
    if (folded > 0) rows.push({ labels: `backend="${OTHER}",url="${OTHER}"`, counts: others });
    return { rows, folded };
  }

  /** Series by their labels. */
  sums(family: LabelFamily): LabelledSum[] {
    return this.labels.sums(family);
  }
}
