/**
 * `/api/unused?for=7d`: frontends that nobody has used for so long, and backends, with their servers, to which no frontend leads. With
 * `nodes=all` a frontend is unused when every live node of the prefix says so.
 *
 *     200 · 400 what cannot be asked · 503 too many ask
 */
import { hostname } from 'node:os';
import { parseDuration } from '../../kernel/durations.ts';
import { quoted } from '../../kernel/quote.ts';
import { askOthers } from '../cluster/ask-nodes.ts';
import { unreachedBackends } from '../usage/unreached.ts';
import type { ControlView } from '../view.ts';
import { jsonText } from './json.ts';

const DEFAULT = '7d';
const DAY_MS = 86_400_000;
const NODE_MS = 5_000;
const MOST_ANSWER = 1 << 23;
const MOST_ASKING = 4;

/** Unix milliseconds; null: not since it is watched. */
export type UnusedFrontend = { readonly name: string; readonly lastHit: number | null; readonly watchedSince: number };

export type Unused = {
  /** Milliseconds that were asked for. */
  readonly for: number;
  /** Unix milliseconds: of the time before nothing is known. Of several nodes that of the latest. */
  readonly watchedSince: number;
  /** Longer than was asked for: else no frontend can be unused for so long. */
  readonly watchedEnough: boolean;
  readonly frontends: readonly UnusedFrontend[];
  readonly backends: readonly { readonly name: string; readonly servers: readonly string[] }[];
  /** Names of those that have answered, and those that have not, which may have had requests. */
  readonly nodes: readonly string[];
  readonly missing: readonly { readonly name: string; readonly id: string; readonly reason: string }[];
};

export type UnusedAnswer = { readonly status: 200 | 400 | 503; readonly text: string };

function error(status: 400 | 503, reason: string): UnusedAnswer {
  return { status, text: `${jsonText({ error: reason })}\n` };
}

/** Days as well, which durations of settings do not have. */
function spanOf(text: string): number | null {
  const [, count] = /^(\d{1,4})d$/.exec(text) ?? [];
  return count === undefined ? parseDuration(text) : Number(count) * DAY_MS;
}

export class UnusedPage {
  private readonly view: ControlView;
  private asking = 0;

  constructor(view: ControlView) {
    this.view = view;
  }

  /** `query`: what stands behind the question mark. */
  async answer(query: string): Promise<UnusedAnswer> {
    const asked = new URLSearchParams(query);
    const unknown = [...asked.keys()].find((name) => name !== 'for' && name !== 'nodes');
    if (unknown !== undefined) return error(400, `${quoted(unknown)} is neither for nor nodes`);
    const text = asked.get('for') ?? DEFAULT;
    const ms = spanOf(text);
    if (ms === null) return error(400, `for: ${quoted(text)} is no duration: write 7d or 12h`);
    const nodes = asked.get('nodes') ?? 'this';
    if (nodes !== 'this' && nodes !== 'all') return error(400, `nodes: ${quoted(nodes)} is neither "this" nor "all"`);
    if (this.asking >= MOST_ASKING) return error(503, 'too many ask already');
    this.asking++;
    try {
      const own = await this.own(ms);
      return { status: 200, text: `${jsonText(nodes === 'this' ? own : await this.ofAll(own, text))}\n` };
    } finally {
      this.asking--;
    }
  }

  private async own(ms: number): Promise<Unused> {
    const { view } = this;
    const usage = view.usage();
    const now = Date.now();
    const frontends: UnusedFrontend[] = [];
    for (const { name, last, since } of await usage.uses()) {
      if (now - Math.max(last, since) * 1_000 < ms) continue;
      frontends.push({ name, lastHit: last === 0 ? null : last * 1_000, watchedSince: since * 1_000 });
    }
    const backends = (await unreachedBackends(view.model())).map(({ name, servers }) => {
      return { name, servers: servers.map((server) => server.name) };
    });
    const watchedSince = usage.since * 1_000;
    const watchedEnough = now - watchedSince >= ms;
    return { for: ms, watchedSince, watchedEnough, frontends, backends, nodes: [hostname()], missing: [] };
  }

  private async ofAll(own: Unused, text: string): Promise<Unused> {
    const path = `api/unused?${new URLSearchParams({ for: text })}`;
    const answers = await askOthers(await this.view.nodes(), { path, ms: NODE_MS, mostBytes: MOST_ANSWER });
    const nodes = [...own.nodes];
    const missing: Unused['missing'][number][] = [];
    let all = own;
    for (const { id, name, body, reason } of answers) {
      const other = reason === '' ? readUnused(body) : null;
      if (other === null) {
        missing.push({ name, id, reason: reason || 'it does not answer as this version does' });
        continue;
      }
      nodes.push(name);
      all = both(all, other);
    }
    return { ...all, nodes, missing };
  }
}

/** What both say. */
function both(one: Unused, other: Unused): Unused {
  const others = new Map(other.frontends.map((each) => [each.name, each]));
  const frontends = one.frontends.flatMap(({ name, lastHit, watchedSince }) => {
    const its = others.get(name);
    if (its === undefined) return [];
    const last = Math.max(lastHit ?? 0, its.lastHit ?? 0);
    return [{ name, lastHit: last || null, watchedSince: Math.max(watchedSince, its.watchedSince) }];
  });
  const watchedSince = Math.max(one.watchedSince, other.watchedSince);
  return { ...one, frontends, watchedSince, watchedEnough: one.watchedEnough && other.watchedEnough };
}

/** null for what is no answer of ours. */
function readUnused(body: string): Unused | null {
  try {
    const read = JSON.parse(body) as Unused;
    const isOurs = typeof read.watchedSince === 'number' && Array.isArray(read.frontends);
    return isOurs ? read : null;
  } catch {
    return null;
  }
}
