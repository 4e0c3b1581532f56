/**
 * `/api/config/wait?revision=R`: answers when every worker routes by that revision of a source, with `nodes=all` those of
 * every live node of the prefix, so that whoever has changed a key knows when it is in force. For scripts: the status says
 * it, the body says what is missing.
 *
 *     200 it is · 504 not in time · 400 what cannot be asked · 503 too many ask
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration } from '../../kernel/durations.ts';
import { quoted } from '../../kernel/quote.ts';
import type { SourceName } from '../source/source.ts';
import type { ControlView } from '../view.ts';
import { jsonText } from './json.ts';

const DEFAULT_MS = 5_000;
const LONGEST_MS = 60_000;
const MOST_REVISION = Number.MAX_SAFE_INTEGER;

export type WaitAnswer = { readonly status: 200 | 400 | 503 | 504; readonly text: string };

type Question = {
  readonly source: SourceName;
  readonly revision: number;
  readonly ms: number;
  readonly ofAll: boolean;
};

/** How often the others are looked at. */
const LOOK_MS = 200;
/** How many look at once. */
const MOST_LOOKING = 16;

function readQuestion(view: ControlView, query: URLSearchParams): Question | string {
  const known = ['revision', 'source', 'timeout', 'nodes'];
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) return `${quoted(unknown)} is none of ${known.join(', ')}`;
  const revision = query.get('revision') ?? '';
  if (!/^\d+$/.test(revision) || Number(revision) > MOST_REVISION)
    return `revision: ${quoted(revision)} is no revision`;
  const timeout = query.get('timeout') ?? '';
  const ms = timeout === '' ? DEFAULT_MS : parseDuration(timeout);
  if (ms === null || ms > LONGEST_MS) return `timeout: ${quoted(timeout)} is no duration up to 60s`;
  const nodes = query.get('nodes') ?? 'this';
  if (nodes !== 'this' && nodes !== 'all') return `nodes: ${quoted(nodes)} is neither "this" nor "all"`;
  const names = view.sources().map(({ name }) => name);
  const wanted = query.get('source') ?? names[0] ?? '';
  const source = names.find((name) => name === wanted);
  if (source === undefined)
    return `source: ${quoted(wanted)} is none of ${names.join(', ') || 'those followed (none)'}`;
  return { source, revision: Number(revision), ms, ofAll: nodes === 'all' };
}

function error(status: 400 | 503, reason: string): WaitAnswer {
  return { status, text: `${jsonText({ error: reason })}\n` };
}

export class ConfigWait {
  private readonly view: ControlView;
  private looking = 0;

  constructor(view: ControlView) {
    this.view = view;
  }

  /** `query`: what stands behind the question mark. */
  async answer(query: string): Promise<WaitAnswer> {
    const { view } = this;
    const question = readQuestion(view, new URLSearchParams(query));
    if (typeof question === 'string') return error(400, question);
    const { source, revision, ms, ofAll } = question;
    const deadline = performance.now() + ms;
    const own = await view.waitApplied(source, revision, ms);
    const behind = own !== true || !ofAll ? [] : await this.waitForAll(source, this.lastOf(question), deadline);
    if (own === null || behind === null) return error(503, 'too many wait already');
    const held = view.held();
    if (held !== null) behind.push(`${held.keys} deletions are held: ${held.reason}`);
    const applied = own && behind.length === 0;
    const now = view.appliedUpTo().get(source) ?? '';
    const answer = { applied, source, wanted: String(revision), revision: now, generation: view.generation(), behind };
    return { status: applied ? 200 : 504, text: `${jsonText(answer)}\n` };
  }

  /** The last revision up to the wanted one that has touched anything: nodes tell nobody of others. */
  private lastOf({ source, revision }: Question): number {
    return Math.min(revision, Number(this.view.applied().get(source)));
  }

  private async waitForAll(source: SourceName, revision: number, deadline: number): Promise<string[] | null> {
    if (this.looking >= MOST_LOOKING) return null;
    this.looking++;
    try {
      return await this.lookUntil(source, revision, deadline);
    } finally {
      this.looking--;
    }
  }

  /** Those that are not there yet; none when all are. */
  private async lookUntil(source: SourceName, revision: number, deadline: number): Promise<string[]> {
    for (;;) {
      const { nodes, more, reason } = await this.view.nodes();
      const behind = nodes
        .filter(({ applied }) => Number(applied[source] ?? -1) < revision)
        .map(({ id, name, applied }) => `${name} ${id} at ${applied[source] ?? 'no revision'}`);
      if (reason !== '') behind.push(`others: ${reason}`);
      if (more > 0) behind.push(`${more} more nodes`);
      if (behind.length === 0 || performance.now() + LOOK_MS > deadline) return behind;
      await sleep(LOOK_MS);
    }
  }
}
