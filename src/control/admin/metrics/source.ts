/** What the page of metrics is made of: the control plane, and the sums of what workers count. */
import type { MetricsOptions } from '../../../kernel/metrics-options.ts';
import type { Backend, Server } from '../../../model/model.ts';
import { BACKEND_STRIDE } from '../../../shared/backend-counts.ts';
import { ExemplarReader } from '../../../shared/exemplars.ts';
import { type LabelledSum, LabelReader, OTHER } from '../../../shared/label-counts.ts';
import type { LabelFamily } from '../../../shared/label-families.ts';
import { type MetricsReader, ownerOf, type Series } from '../../../shared/metrics-reader.ts';
import { SERVER_STRIDE } from '../../../shared/server-counts.ts';
import { sumOfSlot } from '../../../shared/slot-counts.ts';
import { serverKey } from '../../../shared/slots.ts';
import type { ControlView, WorkerView } from '../../view.ts';
import { Utilization } from '../../workers/utilization.ts';
import { labelText, PAUSE, type Parts } from './exposition.ts';

const ITEMS_PER_PAUSE = 256;

/** A series with the name of its entrypoint or backend. */
export type Named = { readonly name: string; readonly series: Series };
/** The counts of one backend. */
export type BackendRow = { readonly name: string; readonly labels: string; readonly counts: Float64Array };
/** Those of one server, or of all that have no series of their own. */
export type ServerRow = { readonly labels: string; readonly counts: Float64Array };

/** The labels of a server, of Traefik 3, of 1.7 and ours, and the name under which it has its slot: joined once. */
export type ServerTexts = {
  readonly server: Server;
  readonly key: string;
  readonly service: string;
  readonly backend: string;
  readonly own: string;
};

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
  private readonly labelTexts = new Map<string, WeakMap<Series, { readonly name: string; readonly text: string }>>();
  /** By worker. */
  private readonly loops: Utilization[] = [];
  /** A backend that has changed is another object. */
  private readonly texts = new WeakMap<Backend, readonly ServerTexts[]>();

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

  /** Of the event loop of a worker since the last page. */
  utilization({ index, loop }: WorkerView): number {
    this.loops[index] ??= new Utilization();
    return this.loops[index].now(loop());
  }

  /** Of what falls into buckets; null where nothing is traced. */
  exemplars(): ExemplarReader | null {
    const buffers = this.view.countBuffers().map(({ exemplars }) => exemplars);
    return buffers.some((buffer) => buffer !== null)
      ? new ExemplarReader(buffers, this.reader.bounds().length + 1)
      : null;
  }

  /** Those of a series, `name` under the label `label`: made when it has got another name. */
  labelsOf(label: string, name: string, series: Series): string {
    let texts = this.labelTexts.get(label);
    if (texts === undefined) {
      texts = new WeakMap();
      this.labelTexts.set(label, texts);
    }
    const known = texts.get(series);
    if (known !== undefined && known.name === name) return known.text;
    const { code, method, protocol } = series;
    const shown = label === 'entrypoint' ? name : this.named(name);
    const text = `code="${code}",method="${method}",protocol="${protocol}",${labelText([[label, shown]])}`;
    texts.set(series, { name, text });
    return text;
  }

  /** Those of the servers of a backend, in their order, those with a URL that was there before left out. */
  serverTexts(backend: Backend): readonly ServerTexts[] {
    let texts = this.texts.get(backend);
    if (texts === undefined) {
      texts = this.makeTexts(backend);
      this.texts.set(backend, texts);
    }
    return texts;
  }

  private makeTexts({ name, servers }: Backend): ServerTexts[] {
    const shown = this.named(name);
    const byUrl = new Map<string, Server>();
    for (const server of servers) if (!byUrl.has(server.url)) byUrl.set(server.url, server);
    return [...byUrl].map(([url, server]) => {
      const rest = labelText([['url', url]]);
      return {
        server,
        key: serverKey(name, url),
        service: `${labelText([['service', shown]])},${rest}`,
        backend: `${labelText([['backend', shown]])},${rest}`,
        own: `${labelText([['backend', name]])},${rest}`,
      };
    });
  }

  /** As Traefik's labels name it. */
  named(name: string): string {
    return name === OTHER ? name : name + this.options.suffix;
  }

  /** The series of what exists; what is gone goes on counting where it stopped when it returns. */
  *requests(): Parts<{ entryPoints: Named[]; backends: Named[] }> {
    const { view, reader } = this;
    const names = view.entryPoints().map(({ name }) => name);
    const entryPoints: Named[] = [];
    const backends: Named[] = [];
    for (const [index, series] of reader.series().entries()) {
      if (index % ITEMS_PER_PAUSE === 0) yield PAUSE;
      const owner = ownerOf(series.owner);
      if (owner.kind === 'entryPoint') {
        const name = names[owner.index];
        if (name !== undefined) entryPoints.push({ name, series });
      } else {
        const name = owner.kind === 'other' ? OTHER : view.backendName(owner.slot);
        if (this.knowsBackend(name)) backends.push({ name, series });
      }
    }
    return { entryPoints, backends };
  }

  /** Of all backends, gone ones once more. */
  *backendRows(): Parts<BackendRow[]> {
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
  *serverRows(): Parts<{ rows: ServerRow[]; folded: number }> {
    const { view, history, options } = this;
    const buffers = view.countBuffers().map(({ servers }) => new Float64Array(servers));
    const waiting: { slot: number; labels: string; counts: Float64Array; isUsed: boolean }[] = [];
    const rows: ServerRow[] = [];
    const present = new Set<number>();
    for (const backend of [...view.model().backends.values()]) {
      yield PAUSE;
      for (const { key, own: labels } of this.serverTexts(backend)) {
        const slot = view.serverSlot(key);
        if (slot < 0) continue;
        present.add(slot);
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
