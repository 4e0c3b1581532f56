/**
 * `/api/percentiles?of=backend:B|server:B/S|frontend:F|entrypoint:E`: how long its requests took, of all workers; with `nodes=all`
 * those of all nodes of the prefix, merged as histograms and not as figures. With `over=10s` those of the next seconds, else since
 * the start. Times are milliseconds; those of a server are from the connection to the head of its answer.
 *
 *     200 · 400 what cannot be asked · 404 there is no such thing on this node · 503 too many ask
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration, timerSpan } from '../../kernel/durations.ts';
import { quoted } from '../../kernel/quote.ts';
import { HistogramOwner, HistogramReader } from '../../shared/histograms.ts';
import { LATENCY_BUCKETS } from '../../shared/latency.ts';
import { FIRST_BACKEND } from '../../shared/metrics-layout.ts';
import type { MetricsReader } from '../../shared/metrics-reader.ts';
import { serverKey } from '../../shared/slots.ts';
import { askOthers } from '../cluster/ask-nodes.ts';
import type { ControlView } from '../view.ts';
import { jsonText } from './json.ts';

const LONGEST_MS = 30_000;
const NODE_MS = 2_000;
const MOST_ANSWER = 65_536;
/** How many are answered at once. */
const MOST_ASKING = 16;

export type PercentilesAnswer = { readonly status: 200 | 400 | 404 | 503; readonly text: string };

type Question = { readonly of: string; readonly over: number; readonly ofAll: boolean };

function error(status: 400 | 404 | 503, reason: string): PercentilesAnswer {
  return { status, text: `${jsonText({ error: reason })}\n` };
}

function readQuestion(query: URLSearchParams): Question | string {
  const known = ['of', 'over', 'nodes'];
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) return `${quoted(unknown)} is none of ${known.join(', ')}`;
  const over = query.get('over');
  const ms = over === null ? 0 : parseDuration(over);
  if (ms === null || ms > LONGEST_MS) return `over: ${quoted(over ?? '')} is no duration up to 30s`;
  const nodes = query.get('nodes') ?? 'this';
  if (nodes !== 'this' && nodes !== 'all') return `nodes: ${quoted(nodes)} is neither "this" nor "all"`;
  const of = query.get('of') ?? '';
  if (!/^(?:backend|server|frontend|entrypoint):./s.test(of)) {
    return `of: ${quoted(of)} is none of backend:B, server:B/S, frontend:F, entrypoint:E`;
  }
  return { of, over: ms, ofAll: nodes === 'all' };
}

export class PercentilesPage {
  private readonly view: ControlView;
  private readonly reader: MetricsReader;
  private histograms: HistogramReader | null = null;
  private asking = 0;

  constructor(view: ControlView, reader: MetricsReader) {
    this.view = view;
    this.reader = reader;
  }

  /** `query`: what stands behind the question mark. */
  async answer(query: string): Promise<PercentilesAnswer> {
    const question = readQuestion(new URLSearchParams(query));
    if (typeof question === 'string') return error(400, question);
    if (this.asking >= MOST_ASKING) return error(503, 'too many ask already');
    this.asking++;
    try {
      return await this.answerTo(question);
    } finally {
      this.asking--;
    }
  }

  private async answerTo({ of, over, ofAll }: Question): Promise<PercentilesAnswer> {
    const { MergedHistogram } = await import('../percentiles/encoded.ts');
    const path = `api/percentiles?${new URLSearchParams({ of, ...(over > 0 ? { over: `${over}ms` } : {}) })}`;
    const others = ofAll
      ? this.view.nodes().then((list) => askOthers(list, { path, ms: NODE_MS + over, mostBytes: MOST_ANSWER }))
      : [];
    const before = over === 0 ? null : this.counts(of);
    if (over > 0) await sleep(timerSpan(over));
    const counts = this.counts(of);
    if (counts === null && !ofAll) return error(404, `there is no ${of}`);
    const merged = new MergedHistogram();
    if (counts !== null) {
      // Both are modulo 2³², and so is their difference.
      for (let i = 0; before !== null && i < LATENCY_BUCKETS; i++) counts[i] -= before[i];
      merged.addCounts(counts);
    }
    const nodes = [hostname()];
    const missing: { name: string; id: string; reason: string }[] = [];
    for (const { id, name, body, reason } of await others) {
      const problem = reason === '' ? merged.addText(histogramIn(body)) : reason;
      if (problem === '') nodes.push(name);
      else missing.push({ name, id, reason: problem });
    }
    const answer = { of, over: over > 0 ? over : null, unit: 'ms', ...merged.figures(), nodes, missing };
    return { status: 200, text: `${jsonText({ ...answer, histogram: merged.text() })}\n` };
  }

  /** Per bucket; a copy. null: there is no such thing. */
  private counts(of: string): Uint32Array | null {
    const kind = of.slice(0, of.indexOf(':'));
    const name = of.slice(kind.length + 1);
    if (kind === 'server') return this.ofServer(name);
    const { view, reader } = this;
    if (kind === 'entrypoint') {
      const index = view.entryPoints().findIndex((entryPoint) => entryPoint.name === name);
      return index < 0 ? null : reader.latency(index);
    }
    const { backends, frontends } = view.model();
    if (kind === 'frontend') return frontends.has(name) ? this.ofOwner(HistogramOwner.ofFrontend(name)) : null;
    if (!backends.has(name)) return null;
    const slot = view.backendSlot(name);
    return slot < 0 ? new Uint32Array(LATENCY_BUCKETS) : reader.latency(FIRST_BACKEND + slot);
  }

  private ofServer(name: string): Uint32Array | null {
    const slash = name.indexOf('/');
    const backend = this.view.model().backends.get(name.slice(0, slash));
    const server = backend?.servers.find((each) => each.name === name.slice(slash + 1));
    if (backend === undefined || server === undefined) return null;
    const slot = this.view.serverSlot(serverKey(backend.name, server.url));
    return slot < 0 ? new Uint32Array(LATENCY_BUCKETS) : this.ofOwner(HistogramOwner.ofServer(slot));
  }

  private ofOwner(owner: HistogramOwner): Uint32Array {
    this.histograms ??= new HistogramReader(this.view.countBuffers().map(({ histograms }) => histograms));
    return this.histograms.total(owner)?.latency ?? new Uint32Array(LATENCY_BUCKETS);
  }
}

/** '' for what is no answer of ours. */
function histogramIn(body: string): string {
  try {
    const { histogram } = JSON.parse(body) as { histogram?: unknown };
    return typeof histogram === 'string' ? histogram : '';
  } catch {
    return '';
  }
}
