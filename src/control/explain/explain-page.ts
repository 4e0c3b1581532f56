/**
 * `POST /api/explain` and `GET /api/ui/explain`: what would become of a request. Nothing is sent and no turn taken, so that it is
 * asked by POST only for what does not fit into a URL.
 *
 *     200 the explanation · 400 what cannot be asked · 503 nobody can tell
 */
import type { ControlView } from '../view.ts';
import { explanationOf } from './answer.ts';
import { type Asked, askedByJson, askedByQuery, requestOf } from './question.ts';

export type ExplainAnswer = { readonly status: 200 | 400 | 503; readonly text: string };

function refusal(status: 400 | 503, error: string): ExplainAnswer {
  return { status, text: `${JSON.stringify({ error })}\n` };
}

async function explain(view: ControlView, asked: Asked | string): Promise<ExplainAnswer> {
  if (typeof asked === 'string') return refusal(400, asked);
  const request = requestOf(asked, view.entryPoints());
  if (typeof request === 'string') return refusal(400, request);
  const explained = await view.explain(request);
  if ('reason' in explained) return refusal(503, explained.reason);
  return { status: 200, text: `${JSON.stringify(explanationOf(view, request, explained))}\n` };
}

/** `query`: what stands behind the question mark. */
export function explainByQuery(view: ControlView, query: string): Promise<ExplainAnswer> {
  return explain(view, askedByQuery(query));
}

export function explainByBody(view: ControlView, body: Buffer): Promise<ExplainAnswer> {
  return explain(view, askedByJson(body.toString('utf8')));
}
