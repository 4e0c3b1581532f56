/** An answer of ours, as it is told of. */
import type { ExplainedReply } from '../../protocol/explanation.ts';
import type { Reply } from '../reply.ts';

export function explainedReply({ status, cause, head }: Reply): ExplainedReply {
  return { status, cause, location: /\r\nLocation: ([^\r]*)/i.exec(head)?.[1] ?? '' };
}
