/**
 * `/api/history?key=…` and `/api/diff?from=…`: what was of the keys (docs/memory.md).
 *
 *     200 it is known · 404 nobody knows it, or there is no etcd · 400 what cannot be asked · 503 too many ask
 */
import { quoted } from '../../kernel/quote.ts';
import type { OpenQuestion } from '../history/history-answers.ts';
import type { ControlView } from '../view.ts';
import { jsonText } from './json.ts';

const USUAL_LIMIT = 100;
const MOST_LIMIT = 1_000;
const LONGEST_KEY = 4_096;

const KNOWN = {
  history: ['key', 'source', 'before', 'limit'],
  diff: ['from', 'to', 'source', 'below', 'after', 'limit'],
} as const;

export type HistoryPage = keyof typeof KNOWN;
export type HistoryReply = { readonly status: 200 | 400 | 404 | 503; readonly text: string };

/** undefined for what is no revision. */
function revisionIn(text: string | null): number | undefined {
  if (text === null) return 0;
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
}

function readQuestion(view: ControlView, page: HistoryPage, query: URLSearchParams): OpenQuestion | string {
  const known: readonly string[] = KNOWN[page];
  for (const [name, value] of query) {
    if (!known.includes(name)) return `${quoted(name)} is none of ${known.join(', ')}`;
    if (value.length > LONGEST_KEY) return `${name}: it is longer than ${LONGEST_KEY} characters`;
  }
  const source = query.get('source') ?? 'etcdv3';
  if (source !== 'etcdv3' && source !== 'etcdv2') return `source: ${quoted(source)} is neither etcdv3 nor etcdv2`;
  const limitText = query.get('limit') ?? String(USUAL_LIMIT);
  const limit = /^\d{1,4}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MOST_LIMIT) return `limit: ${quoted(limitText)} is no number from 1 to ${MOST_LIMIT}`;
  const numbers: Record<string, number> = {};
  for (const name of ['before', 'from', 'to']) {
    const revision = revisionIn(query.get(name));
    if (revision === undefined) return `${name}: ${quoted(query.get(name)!)} is no revision`;
    numbers[name] = revision;
  }
  const { before, from, to } = numbers;
  if (page === 'history') {
    const start = `${view.prefix}/`;
    const word = query.get('key') ?? '';
    const key = word.startsWith(start) ? word.slice(start.length) : word.replace(/^\/+/, '');
    return key === '' ? 'key: it is missing' : { kind: 'history', source, limit, key, before };
  }
  if (from === 0) return 'from: it is missing';
  return { kind: 'diff', source, limit, from, to, below: query.get('below') ?? '', after: query.get('after') ?? '' };
}

function reply(status: HistoryReply['status'], body: object): HistoryReply {
  return { status, text: `${jsonText(body)}\n` };
}

/** `query`: what stands behind the question mark. */
export async function answerPast(view: ControlView, page: HistoryPage, query: string): Promise<HistoryReply> {
  const question = readQuestion(view, page, new URLSearchParams(query));
  if (typeof question === 'string') return reply(400, { error: question });
  const past = view.past();
  if (past === null) return reply(404, { error: 'there is no etcd' });
  const answer = past.ask(question);
  if (answer === null) return reply(503, { error: 'too many ask already' });
  const { status, body } = await answer;
  return reply(status, body);
}
